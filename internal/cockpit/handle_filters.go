package cockpit

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

// Bounds of saved filters.
const (
	maxFilters     = 100 // of one account
	maxFilterName  = 100 // bytes
	maxFilterQuery = 2000
	maxPageName    = 30
)

func savedFilter(f *store.Filter) api.SavedFilter {
	return api.SavedFilter{Owner: f.Owner, Page: f.Page, Name: f.Name, Query: f.Query, Shared: f.Shared, Revision: f.Revision, ChangedAt: f.ChangedAt}
}

func checkPage(page string) error {
	if page == "" || len(page) > maxPageName || strings.Trim(page, "abcdefghijklmnopqrstuvwxyz") != "" {
		return fault.New(fault.Invalid, "InvalidName", "a page's name has lower case letters, at most %d", maxPageName)
	}
	return nil
}

// filterName reads which filter is meant.
func (k *call) filterName() (page, name string, err error) {
	page, name = k.r.PathValue("page"), k.r.PathValue("name")
	if err := checkPage(page); err != nil {
		return "", "", err
	}
	if strings.TrimSpace(name) == "" || len(name) > maxFilterName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", "", fault.New(fault.Invalid, "InvalidName", "a filter's name has at most %d bytes, without control characters", maxFilterName)
	}
	return page, name, nil
}

func (k *call) listFilters() error {
	q := k.query("page")
	if q.err != nil {
		return q.err
	}
	page := q.text("page")
	if err := checkPage(page); err != nil {
		return err
	}
	out := api.SavedFilters{Filters: []api.SavedFilter{}}
	err := k.db.Read(k.r.Context(), func(r store.Reader) error {
		all, err := r.Filters(k.session.Account.Name, page)
		for i := range all {
			out.Filters = append(out.Filters, savedFilter(&all[i]))
		}
		return err
	})
	if err != nil {
		return err
	}
	return k.answer(out)
}

func (k *call) putFilter() error {
	in, err := decode[api.PutFilterRequest](k)
	if err != nil {
		return err
	}
	page, name, err := k.filterName()
	if err != nil {
		return err
	}
	if len(in.Query) > maxFilterQuery || strings.ContainsFunc(in.Query, unicode.IsControl) {
		return fault.New(fault.Invalid, "InvalidRequest", "a filter's query has at most %d bytes, without control characters", maxFilterQuery)
	}
	from, err := k.expected()
	if err != nil {
		return err
	}
	f := store.Filter{Owner: k.session.Account.Name, Page: page, Name: name, Query: in.Query, Shared: in.Shared, ChangedAt: k.clock.Now().UnixMilli()}
	if err := k.beginAudit("", []string{"Filter:" + page + "/" + name}, ""); err != nil {
		return err
	}
	err = k.db.Write(k.r.Context(), func(w store.Writer) (err error) {
		f.Revision, err = w.PutFilter(f, from, maxFilters)
		return err
	})
	if err != nil {
		return err
	}
	k.setETag(f.Revision)
	return k.answer(savedFilter(&f))
}

func (k *call) deleteFilter() error {
	q := k.query("owner")
	if q.err != nil {
		return q.err
	}
	page, name, err := k.filterName()
	if err != nil {
		return err
	}
	me := k.session.Account
	owner := me.Name
	if other := q.text("owner"); other != "" && other != owner {
		if !permits(me.Role, accountsManage) {
			return fault.New(fault.Forbidden, "NotPermitted", "%s, as %s, may not delete filters of others: it needs the permission %s", me.Name, me.Role, accountsManage)
		}
		owner = other
	}
	revision, err := k.expectedIfSaid()
	if err != nil {
		return err
	}
	if err := k.beginAudit("", []string{"Filter:" + page + "/" + name, "Account:" + clip(owner)}, ""); err != nil {
		return err
	}
	err = k.db.Write(k.r.Context(), func(w store.Writer) error {
		return deleteFilter(w, me.Name, store.Filter{Owner: owner, Page: page, Name: name, Revision: revision})
	})
	if err != nil {
		return err
	}
	return k.done()
}

// deleteFilter deletes a filter that an account sees: what another doesn't share is
// nobody else's business. With a revision, it has to be the one that the filter has.
func deleteFilter(w store.Writer, account string, f store.Filter) error {
	seen, err := w.Filters(account, f.Page)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(seen, func(s store.Filter) bool { return s.Owner == f.Owner && s.Name == f.Name })
	switch {
	case i < 0 && f.Owner != account:
		return fault.New(fault.NotFound, "UnknownFilter", "%s shares no filter %q of that page", clip(f.Owner), f.Name)
	case i >= 0 && f.Revision != 0 && seen[i].Revision != f.Revision:
		return fault.New(fault.Conflict, "ObjectChanged", "the filter %q was changed meanwhile", f.Name).About("Filter:" + f.Page + "/" + f.Name)
	}
	return w.DeleteFilter(f.Owner, f.Page, f.Name)
}
