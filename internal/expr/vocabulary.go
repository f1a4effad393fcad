package expr

import (
	"maps"
	"slices"
	"strings"
)

// FunctionInfo tells how a function, or a form that looks like one, is written.
type FunctionInfo struct {
	Name     string
	Params   []string
	Required int  // so many of the params must be given
	Named    bool // those behind them are given by name
}

// Functions returns all functions and the forms argument(…) and variable(…), by name.
func Functions() []FunctionInfo {
	all := []FunctionInfo{
		{Name: "argument", Params: []string{"name", "default"}, Required: 1, Named: true},
		{Name: "variable", Params: []string{"name", "label", "job", "default"}, Required: 1, Named: true},
	}
	for _, f := range functions {
		all = append(all, FunctionInfo{Name: f.name, Params: slices.Clone(f.params), Required: f.required})
	}
	slices.SortFunc(all, func(a, b FunctionInfo) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Words returns the bare words that have a value, and those that belong to the
// grammar, each sorted.
func Words() (withValue, ofGrammar []string) {
	return slices.Sorted(maps.Keys(symbols)), slices.Sorted(maps.Keys(keywords))
}
