package rows

import (
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

// Filters implements store.Reader.
func (t *Tx) Filters(account, page string) (all []store.Filter, err error) {
	err = t.Each(`SELECT owner, page, name, query, shared, revision, changed_at FROM filters
		WHERE page = ? AND (owner = ? OR shared = 1) ORDER BY owner <> ?, name, owner`, func(r Row) error {
		var f store.Filter
		err := r.Scan(&f.Owner, &f.Page, &f.Name, &f.Query, &f.Shared, &f.Revision, &f.ChangedAt)
		all = append(all, f)
		return err
	}, page, account, account)
	return all, err
}

// PutFilter implements store.Writer.
func (t *Tx) PutFilter(f store.Filter, from int64, most int) (int64, error) {
	about := "Filter:" + f.Page + "/" + f.Name
	if from == 0 {
		var n int
		if err := t.One("SELECT count(*) FROM filters WHERE owner = ?", nil, func(r Row) error { return r.Scan(&n) }, f.Owner); err != nil {
			return 0, err
		}
		if n >= most {
			return 0, fault.New(fault.TooLarge, "TooManyFilters", "%s has %d saved filters; no more are kept", f.Owner, n).About(about)
		}
		added, err := t.Exec("INSERT INTO filters (owner, page, name, query, shared, revision, changed_at) VALUES (?, ?, ?, ?, ?, 1, ?) ON CONFLICT DO NOTHING",
			f.Owner, f.Page, f.Name, f.Query, f.Shared, f.ChangedAt)
		if err == nil && added == 0 {
			return 0, fault.New(fault.Conflict, "ObjectChanged", "there is a filter %q already", f.Name).About(about)
		}
		return 1, err
	}
	n, err := t.Exec("UPDATE filters SET query = ?, shared = ?, revision = revision + 1, changed_at = ? WHERE owner = ? AND page = ? AND name = ? AND revision = ?",
		f.Query, f.Shared, f.ChangedAt, f.Owner, f.Page, f.Name, from)
	if err == nil && n == 0 {
		return 0, fault.New(fault.Conflict, "ObjectChanged", "the filter %q was changed meanwhile, or is gone", f.Name).About(about)
	}
	return from + 1, err
}

// DeleteFilter implements store.Writer.
func (t *Tx) DeleteFilter(owner, page, name string) error {
	n, err := t.Exec("DELETE FROM filters WHERE owner = ? AND page = ? AND name = ?", owner, page, name)
	if err == nil && n == 0 {
		return fault.New(fault.NotFound, "UnknownFilter", "%s has no saved filter %q of that page", owner, name).About("Filter:" + page + "/" + name)
	}
	return err
}
