package part

// Trust tells which trust material a part holds.
type Trust struct {
	// Policy is nil of a part that judges no documents.
	Policy *Policy   `json:"policy,omitempty"`
	Holds  []Holding `json:"holds,omitempty"`
}

// Policy tells of the trust policy in force.
type Policy struct {
	Required bool `json:"required"`          // there are, or were, root keys; else no policy counts
	Version  int  `json:"version,omitempty"` // 0: none is in force
}

// Holding is one file that was sent to a part. An ID stands for all versions that
// replace each other.
type Holding struct {
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Version string `json:"version"`
	// Refused is the code with which the part refused this version, when it was
	// brought last; "": the part holds it.
	Refused string `json:"refused,omitempty"`
}

// The bounds of what is believed of what another part tells.
const (
	mostHoldings  = 250
	mostTextBytes = 100
)

// Bounded returns t, or nil if it is longer than any that a part makes.
func (t *Trust) Bounded() *Trust {
	if t == nil || len(t.Holds) > mostHoldings {
		return nil
	}
	for _, h := range t.Holds {
		if max(len(h.Kind), len(h.ID), len(h.Version), len(h.Refused)) > mostTextBytes {
			return nil
		}
	}
	return t
}

// Find returns which version of a file the part holds, and which it refused last;
// nil: none.
func (t *Trust) Find(kind, id string) (held, refused *Holding) {
	for i := range t.Holds {
		switch h := &t.Holds[i]; {
		case h.Kind != kind || h.ID != id:
		case h.Refused != "":
			refused = h
		default:
			held = h
		}
	}
	return held, refused
}
