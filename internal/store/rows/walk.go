package rows

import (
	"math"
	"slices"
)

// between narrows a search along the ids of a table to what is of a time, in
// milliseconds; 0: no bound. Ids rise with the time, but for a clock that was set
// back: what its index says only narrows the search.
func (t *Tx) between(s *search, table string, from, to int64) error {
	if from > 0 {
		first, err := t.edge("SELECT min(id) FROM "+table+" WHERE time >= ?", from, math.MaxInt64)
		if err != nil {
			return err
		}
		s.walk.add("id >= ?", first)
		s.look.add("time >= ?", from)
	}
	if to > 0 {
		last, err := t.edge("SELECT max(id) FROM "+table+" WHERE time < ?", to, 0)
		if err != nil {
			return err
		}
		s.walk.add("id <= ?", last)
		s.look.add("time < ?", to)
	}
	return nil
}

// within bounds a search from the newest id on to as many rows as one call looks at,
// if it looks at any that it doesn't return. It returns the id where it ends; 0: it
// isn't bounded.
func (t *Tx) within(s *search, budget int, looks bool) (reached int64, err error) {
	if !looks || budget <= 0 {
		return 0, nil
	}
	query := "SELECT id FROM " + s.table + s.walk.where() + " ORDER BY id DESC LIMIT 1 OFFSET ?"
	err = t.One(query, nil, func(r Row) error { return r.Scan(&reached) }, append(slices.Clip(s.walk.args), budget-1)...)
	if err == nil && reached > 0 {
		s.walk.add("id >= ?", reached)
	}
	return reached, err
}

// edge returns what a query about one moment finds; absent, if it finds nothing.
func (t *Tx) edge(query string, at, absent int64) (int64, error) {
	var id *int64
	err := t.One(query, nil, func(r Row) error { return r.Scan(&id) }, at)
	if id == nil {
		return absent, err
	}
	return *id, err
}
