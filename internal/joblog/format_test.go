package joblog

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The first form of the format, for ever: header, one frame, end record.
func TestFormatGolden(t *testing.T) {
	t.Parallel()
	b := encodeHeader(time.UnixMilli(1_700_000_000_000))
	b = appendFrame(b, byte(Stderr), 300, []byte("hi\n"))
	b = appendFrame(b, kindEnd, 301, ending{stdout: 0, stderr: 3, cut: 0, flags: flagOpen}.encode())
	want := "SGNTTLOG\x01\x00\x00\x00\x00h\xe5\xcf\x8b\x01\x00\x00"
	if !bytes.HasPrefix(b, []byte(want)) {
		t.Errorf("header %q, want %q...", b[:headerSize], want)
	}
	frames := b[headerSize:]
	if !bytes.HasPrefix(frames, []byte("\x02\xac\x02\x03hi\n")) {
		t.Errorf("frame %q", frames)
	}
	if end := frames[7+crcSize:]; !bytes.HasPrefix(end, []byte("\x04\xad\x02\x04\x00\x03\x00\x01")) {
		t.Errorf("end record %q", end)
	}
}

func TestFrameRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.ByteRange(1, 4).Draw(t, "kind")
		delta := rapid.Uint64().Draw(t, "delta")
		data := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data")
		b := appendFrame(nil, kind, delta, data)
		rec, n, err := decodeFrame(append(slices.Clip(b), 1, 2, 3))
		if err != nil || n != len(b) || rec.kind != kind || rec.delta != delta || !bytes.Equal(rec.data, data) {
			t.Fatalf("%+v, %d, %v", rec, n, err)
		}
		short := rapid.IntRange(0, len(b)-1).Draw(t, "short")
		if _, _, err := decodeFrame(b[:short]); !errors.Is(err, errShort) {
			t.Fatalf("the first %d bytes: %v", short, err)
		}
		flip := rapid.IntRange(0, len(b)-1).Draw(t, "flip")
		b[flip] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if rec, _, err := decodeFrame(b); err == nil {
			t.Fatalf("a flipped bit at %d goes unseen: %+v", flip, rec)
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add(appendFrame(nil, byte(Stdout), 0, []byte("hello\n")))
	f.Add(appendFrame(nil, byte(Mark), 1<<63, nil))
	f.Add(appendFrame(nil, kindEnd, 5, ending{1, 2, 3, 3}.encode()))
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		rec, n, err := decodeFrame(b)
		if err != nil {
			if n != 0 || rec.data != nil {
				t.Fatalf("%v, and yet %d, %+v", err, n, rec)
			}
			return
		}
		if n > len(b) || len(rec.data) > n {
			t.Fatalf("%d of %d bytes, payload %d", n, len(b), len(rec.data))
		}
		if rec.kind == kindEnd {
			if e, err := decodeEnding(rec.data); err == nil && (e.stdout < 0 || e.stderr < 0 || e.cut < 0) {
				t.Fatalf("%+v", e)
			}
		}
		if rec2, _, err := decodeFrame(appendFrame(nil, rec.kind, rec.delta, rec.data)); err != nil || rec2.delta != rec.delta {
			t.Fatalf("%+v, %v", rec2, err)
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(encodeHeader(time.UnixMilli(1)))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		created, err := decodeHeader(b)
		if err == nil && !bytes.Equal(encodeHeader(created), b[:headerSize]) {
			t.Fatalf("%v comes back differently", created)
		}
	})
}
