package enginetest

import (
	"strings"

	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/value"
)

// Result is the outcome of a made-up process: "rc=7 name=value ..." with
// returnCode 0 if none is given, and "timeout" where the time was over.
func Result(script string) *order.Outcome {
	out := &order.Outcome{Kind: order.Succeeded, Values: value.Map{"returnCode": value.NewInt(0)}}
	timedOut := false
	for word := range strings.FieldsSeq(script) {
		name, text, ok := strings.Cut(word, "=")
		switch {
		case name == "timeout":
			timedOut = true
		case !ok:
		case name == "rc":
			if n, err := value.ParseNumber(text); err == nil {
				out.Values["returnCode"] = n
				if n.Sign() != 0 {
					out.Kind = order.Fails
				}
			}
		default:
			out.Values[name] = value.String(text)
		}
	}
	if timedOut {
		return &order.Outcome{Kind: order.TimedOut, Inner: out}
	}
	return out
}
