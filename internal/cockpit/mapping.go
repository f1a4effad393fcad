package cockpit

import (
	"strings"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/objectfile"
)

// mappingOf reads which paths imported objects get out of the parameters.
func mappingOf(q *query) (m objectfile.Mapping, err error) {
	m.Prefix, m.Suffix, m.Folder = q.text("prefix"), q.text("suffix"), q.text("folder")
	if m.Folders, err = pairsOf(q, "mapFolder"); err != nil {
		return m, err
	}
	if m.Agents, err = pairsOf(q, "mapAgent"); err != nil {
		return m, err
	}
	err = m.Check()
	if fault.HasCode(err, "InvalidMapping") {
		err = fault.New(fault.Invalid, "InvalidQuery", "%s", fault.Of(err).Message)
	}
	return m, err
}

// pairsOf reads OLD=NEW,OLD=NEW.
func pairsOf(q *query, name string) ([]objectfile.Renamed, error) {
	text := q.text(name)
	if text == "" {
		return nil, nil
	}
	var all []objectfile.Renamed
	for pair := range strings.SplitSeq(text, ",") {
		from, to, ok := strings.Cut(pair, "=")
		switch {
		case !ok:
			return nil, fault.New(fault.Invalid, "InvalidQuery", "the parameter %s is like OLD=NEW, more of them separated by commas", name)
		case len(all) == objectfile.MaxMappings:
			return nil, fault.New(fault.TooLarge, "InvalidQuery", "the parameter %s has more than %d pairs", name, objectfile.MaxMappings)
		}
		all = append(all, objectfile.Renamed{From: from, To: to})
	}
	return all, nil
}

// imported is an object of an archive on its way into the inventory.
type imported struct {
	objectfile.Object // Key is the new one
	draft             // its text, with what it names adjusted
	adjusted          []api.AdjustedText
	problems          []objectfile.Diagnosis
}

// importedOf gives the objects of an archive their new keys.
func importedOf(m *objectfile.Mapping, c objectfile.Contents, deploy bool) (all []imported, problems []fault.Problem) {
	mapped, problems := m.Apply(c, deploy)
	for i := range mapped {
		from := &mapped[i]
		o := imported{Object: from.Object, draft: draft{from.Text, formatJSON}, problems: from.Problems}
		if from.IsYAML {
			o.format = formatYAML
		}
		for _, r := range from.Adjusted {
			o.adjusted = append(o.adjusted, api.AdjustedText{Kind: string(from.From.Kind), Path: from.From.Path, Pointer: r.Pointer, Old: r.Old, New: r.New})
		}
		all = append(all, o)
	}
	return all, problems
}
