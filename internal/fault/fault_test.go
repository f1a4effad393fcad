package fault_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
)

func TestKindsRoundTripByName(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for k := fault.Internal; k <= fault.NoSpace; k++ {
		if got := fault.ParseKind(k.String()); got != k {
			t.Errorf("ParseKind(%q) = %v, want %v", k.String(), got, k)
		}
		if seen[k.String()] {
			t.Errorf("name %q is used twice", k.String())
		}
		seen[k.String()] = true
		if s := k.HTTPStatus(); s < 400 || s > 599 {
			t.Errorf("%v: HTTP status %d is no error", k, s)
		}
		if c := k.ExitCode(); c < 1 || c > 7 {
			t.Errorf("%v: exit code %d is not in the contract", k, c)
		}
	}
}

func TestErrorShowsCauseOnlyToTheLog(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("loading: %w", fault.Wrap(fault.Corrupt, "BadRecord", io.ErrUnexpectedEOF, "record 7 is damaged").About("journal-1"))
	e := fault.Of(err)
	if !strings.Contains(err.Error(), "unexpected EOF") {
		t.Errorf("log text lacks the cause: %s", err)
	}
	if got, want := e.Public(), "journal-1: record 7 is damaged"; got != want {
		t.Errorf("Public() = %q, want %q", got, want)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) || !fault.Is(err, fault.Corrupt) || !fault.HasCode(err, "BadRecord") {
		t.Error("chain is broken")
	}
}

func TestOfForeignErrorIsInternal(t *testing.T) {
	t.Parallel()
	if fault.Of(nil) != nil {
		t.Error("Of(nil) is not nil")
	}
	e := fault.Of(io.EOF)
	if e.Kind != fault.Internal || strings.Contains(e.Public(), "EOF") {
		t.Errorf("foreign error leaks or has a wrong kind: %+v", e)
	}
}
