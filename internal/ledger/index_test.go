package ledger

import (
	"testing"

	"pgregory.net/rapid"
)

// TestKeptFrom compares what is kept with a plain count, while entries come, are
// taken back, found again and dropped.
func TestKeptFrom(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keep := rapid.IntRange(1, 20).Draw(t, "keep")
		x := newIndex(keep)
		x.prepend(nil, 0)
		var entries []mark // that exist, rising
		seq, id := uint64(rapid.IntRange(0, 5).Draw(t, "first")), int64(0)
		add := func() mark {
			seq++
			id++
			return mark{seq, id, int32(rapid.IntRange(1, 8).Draw(t, "events"))}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			default:
				m := add()
				x.add(m.seq, m.last, int(m.events))
				entries = append(entries, m)
			case 0:
				n := rapid.IntRange(0, len(entries)).Draw(t, "cut")
				entries = entries[:len(entries)-n]
				if seq -= uint64(n); len(entries) > 0 {
					seq = entries[len(entries)-1].seq
				}
				x.cut(seq)
			case 1:
				if want := x.keptFrom(); len(entries) > 0 && want > entries[0].seq {
					x.forget(want)
					for len(entries) > 1 && entries[1].seq < want {
						entries = entries[1:]
					}
				}
			case 2:
				m := add()
				x.restart(m.seq, m.last)
				older := append([]mark(nil), entries...)
				x.prepend(older, 0)
				m.events = 0 // the snapshot's own entry is found among the older, if at all
				entries = append(entries, m)
			}
			total, want := 0, uint64(1)
			for i := len(entries) - 1; i >= 0 && total < keep; i-- {
				if total += int(entries[i].events); total >= keep {
					want = entries[i].seq
				}
			}
			if got := x.keptFrom(); got != want {
				t.Fatalf("of %v, %d events are kept from %d on, want %d", entries, keep, got, want)
			}
		}
	})
}
