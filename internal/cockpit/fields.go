package cockpit

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
)

// rowFields reads the parameter fields of a list, which names fields of its rows;
// nil: it isn't given.
func rowFields[T any](q *query) ([]string, error) {
	return words(q.text("fields"), fieldNames(reflect.TypeFor[T]()))
}

// fieldNames returns the names of a struct's fields in JSON.
func fieldNames(t reflect.Type) []string {
	var all []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if all = append(all, name); name == "" {
			all = append(all[:len(all)-1], fieldNames(f.Type)...) // embedded
		}
	}
	return all
}

// answerFields answers with a list. With fields, its rows have only these, as far
// as they have a value.
func (k *call) answerFields(out any, list string, fields []string) error {
	if fields == nil {
		return k.answer(out)
	}
	data, err := json.Marshal(out)
	if err != nil {
		return encodingFailed(err)
	}
	var whole map[string]json.RawMessage
	var rows []map[string]json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return encodingFailed(err)
	}
	if err := json.Unmarshal(whole[list], &rows); err != nil {
		return encodingFailed(err)
	}
	for _, row := range rows {
		maps.DeleteFunc(row, func(name string, _ json.RawMessage) bool { return !slices.Contains(fields, name) })
	}
	if whole[list], err = json.Marshal(rows); err != nil {
		return encodingFailed(err)
	}
	return k.answer(whole)
}

func encodingFailed(err error) error {
	return fault.Wrap(fault.Internal, "EncodingFailed", err, "the answer can't be encoded")
}
