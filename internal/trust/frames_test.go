package trust_test

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// native returns an OpenPGP key whose signatures are all of one size.
func native(t testing.TB) (*trusttest.PGPKeyring, *trust.Set) {
	t.Helper()
	ring := trusttest.NewPGPKeyring(t, trusttest.PGPOptions{Key: trusttest.Ed25519(t), Native: true})
	set, err := trust.NewSet(trust.Policy{}, nil, [][]byte{ring.PublicArmour(t)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ring, set
}

// sized returns the body of a signature packet of doc with n bytes.
func sized(t testing.TB, k *trusttest.PGPKey, n int) []byte {
	t.Helper()
	filled := func(size int) []byte {
		return k.Sign(t, trusttest.PGPSig{Hashed: []trusttest.Subpacket{{Kind: 26, Value: bytes.Repeat([]byte("x"), size)}}}, doc)
	}
	size := n - len(filled(0))
	body := filled(size)
	body = filled(size - (len(body) - n)) // the subpacket's own length may take a byte more
	if len(body) != n {
		t.Fatalf("got %d bytes, want %d", len(body), n)
	}
	return body
}

// Where the length of a packet or subpacket begins to take another form.
func TestPGPLengths(t *testing.T) {
	t.Parallel()
	ring, set := native(t)
	for _, n := range []int{191, 192, 255, 256, 257, 8383, 8384} {
		body := sized(t, ring.Primary, n)
		want := pgpEvidence(trusttest.OldPacket(trusttest.TagSignature, body))
		if _, err := set.Verify(doc, want, trusttest.Now()); err != nil {
			t.Errorf("a packet of %d bytes: %s", n, err)
		}
		if got := trust.FramePacket(body); !bytes.Equal(got, trusttest.OldPacket(trusttest.TagSignature, body)) {
			t.Errorf("a packet of %d bytes is framed by % x", n, got[:3])
		}
		frames := map[string][]byte{"5 bytes": trusttest.NewPacket(trusttest.TagSignature, body)}
		switch {
		case n < 192:
			frames["1 byte"] = append([]byte{0xc2, byte(n)}, body...)
		case n < 8384:
			frames["2 bytes"] = append([]byte{0xc2, byte((n-192)>>8) + 192, byte(n - 192)}, body...)
		}
		for name, packets := range frames {
			got, err := trust.EvidenceFromFiles(map[string][]byte{".asc": trusttest.Armour("SIGNATURE", packets)})
			if err != nil || !same(got, want) {
				t.Errorf("%d bytes, stated in %s: %v", n, name, err)
			}
		}
	}
	// 224 begins a partial length, even where it could be the 32nd of two bytes.
	partial := append([]byte{0xc2, 224, 0}, sized(t, ring.Primary, 8384)...)
	if _, err := trust.EvidenceFromFiles(map[string][]byte{".asc": trusttest.Armour("SIGNATURE", partial)}); !fault.HasCode(err, trust.CodeMalformedSignature) {
		t.Errorf("a partial length: got %v", err)
	}
	for _, size := range []int{0, 1, 189, 190, 191, 192, 447, 448, 11000} {
		for _, long := range []bool{false, true} {
			s := trusttest.PGPSig{Hashed: []trusttest.Subpacket{{Kind: 26, Value: make([]byte, size), Long: long}}}
			if _, err := set.Verify(doc, pgpSigned(t, ring.Primary, s), trusttest.Now()); err != nil {
				t.Errorf("a subpacket of %d bytes, long: %t: %s", size, long, err)
			}
		}
	}
}

// The words tell what is wrong with a signature file.
func TestPGPFileIsExplained(t *testing.T) {
	t.Parallel()
	_, set := native(t)
	for _, tt := range []struct {
		packets []byte
		words   string
	}{
		{[]byte{0x88}, "it isn't an OpenPGP packet"},
		{[]byte{0x08, 0}, "it isn't an OpenPGP packet"},
		{[]byte{0x88, 1}, "an OpenPGP packet is cut off"},
		{[]byte{0x88, 0}, "the signature packet is cut off"},
		{[]byte{0x88, 4, 3, 0, 0, 0}, "the signature packet has version 3"},
		{[]byte{0xb4, 0}, "it holds a packet of type 13"},
	} {
		ev, err := trust.EvidenceFromFiles(map[string][]byte{".asc": trusttest.Armour("SIGNATURE", tt.packets)})
		if err == nil {
			_, err = set.Verify(doc, ev, trusttest.Now())
		}
		if err == nil || !strings.Contains(err.Error(), tt.words) {
			t.Errorf("% x: got %v, want a message with %q", tt.packets, err, tt.words)
		}
	}
	// The second key of a ring is told as such.
	ring, _ := native(t)
	bare := trusttest.OldPacket(trusttest.TagPublicKey, ring.Primary.Body(t))
	_, err := trust.NewSet(trust.Policy{}, nil, [][]byte{trusttest.Armour("PUBLIC KEY BLOCK", append(ring.Packets(t), bare...))}, nil)
	if err == nil || !strings.Contains(err.Error(), "key 2:") {
		t.Errorf("a ring whose second key has no user id: %v", err)
	}
}

// A key may certify itself with any of the strong hashes.
func TestPGPSelfHashes(t *testing.T) {
	t.Parallel()
	for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		made := trusttest.PGPSig{Hash: hash}
		ring := trusttest.NewPGPKeyring(t, trusttest.PGPOptions{Key: trusttest.Ed25519(t), Subkey: trusttest.Ed25519(t), Self: made, Binding: made, Back: made})
		set, err := trust.NewSet(trust.Policy{}, nil, [][]byte{ring.PublicArmour(t)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []*trusttest.PGPKey{ring.Primary, ring.Sub} {
			if _, err := set.Verify(doc, pgpSigned(t, k, trusttest.PGPSig{}), trusttest.Now()); err != nil {
				t.Errorf("%v: %s", hash, err)
			}
		}
	}
}

// A subkey signs nothing before it was made, be the primary key as old as it may,
// nor before the primary key was.
func TestPGPSubkeyIsYounger(t *testing.T) {
	t.Parallel()
	for name, younger := range map[string]func(*trusttest.PGPKeyring) *trusttest.PGPKey{
		"subkey":      func(r *trusttest.PGPKeyring) *trusttest.PGPKey { return r.Sub },
		"primary key": func(r *trusttest.PGPKeyring) *trusttest.PGPKey { return r.Primary },
	} {
		made := trusttest.Now().Add(-time.Minute)
		ring := trusttest.NewPGPKeyring(t, trusttest.PGPOptions{
			Key: trusttest.Ed25519(t), Subkey: trusttest.Ed25519(t), Self: trusttest.PGPSig{Created: made}, Binding: trusttest.PGPSig{Created: made}, Back: trusttest.PGPSig{Created: made},
		})
		younger(ring).Created = made
		set, err := trust.NewSet(trust.Policy{}, nil, [][]byte{ring.PublicArmour(t)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for at, code := range map[time.Time]string{made.Add(-time.Second): trust.CodeSignerNotYetValid, made: ""} {
			_, err := set.Verify(doc, pgpSigned(t, ring.Sub, trusttest.PGPSig{Created: at}), trusttest.Now())
			if code == "" && err != nil || code != "" && !fault.HasCode(err, code) {
				t.Errorf("signed %s from the making of a younger %s: got %v, want code %q", at.Sub(made), name, err, code)
			}
		}
	}
}

// Who isn't trusted is named as exactly as the evidence does.
func TestUnknownPGPKeyIsNamed(t *testing.T) {
	t.Parallel()
	_, set := native(t)
	stranger := trusttest.NewPGPKey(t, trusttest.Ed25519(t))
	fingerprint := hex.EncodeToString(stranger.Fingerprint(t))
	created := trusttest.SubTime(trusttest.SubCreated, uint32(trusttest.Now().Unix()))
	id := trusttest.Subpacket{Kind: trusttest.SubIssuer, Value: stranger.Fingerprint(t)[12:]}
	for want, s := range map[string]trusttest.PGPSig{
		" " + fingerprint + ",":      {Unhashed: []trusttest.Subpacket{id}},
		" " + fingerprint[24:] + ",": {Bare: true, Hashed: []trusttest.Subpacket{created, id}},
	} {
		if _, err := set.Verify(doc, pgpSigned(t, stranger, s), trusttest.Now()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a message with %q", err, want)
		}
	}
}
