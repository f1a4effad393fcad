// Package store is the Cockpit's database: accounts, sessions, the audit trail,
// how far each Controller's events have been read, the history that was made of
// them, and the inventory of objects.
//
// It owns what is kept and what a transaction promises; the engines are below
// (sqlite, postgres), and storetest is the one suite that every engine passes. It must not
// know events, orders or HTTP: what it keeps of an order is a row and an opaque
// body. Only the Cockpit calls it. docs/formats/database.md describes the tables.
//
// Everything happens in transactions. Read gives a consistent view; what Write
// does is durable when it returns nil, and wholly undone when it returns an error.
package store

import "context"

// Store is an open database. Safe for concurrent use.
type Store interface {
	// Read calls f with a view of one moment.
	Read(ctx context.Context, f func(Reader) error) error
	// Write calls f once with the only writing transaction; several waiting
	// calls may share one commit, each undone for itself when its f fails. f must
	// not call Read or Write, and must have no effect but on its Writer: the
	// commit may fail after f has returned nil.
	Write(ctx context.Context, f func(Writer) error) error
	// Lease takes the lease of the services, extends it, or gives it back. Another
	// that has it keeps it until it runs out.
	Lease(ctx context.Context, q LeaseRequest) (Lease, error)
	// Watch calls f with what other programs commit, one at a time, until ctx ends
	// or the news stop, which is an error; first, when news are on their way, with
	// Everything.
	Watch(ctx context.Context, f func(News)) error
	// Announce tells the other programs what this one says of itself, in at most
	// 3,000 bytes; those that don't watch just then don't hear it.
	Announce(ctx context.Context, text string) error
	// Backup writes a consistent copy of the database, an SQLite database, to a
	// file that doesn't exist yet.
	Backup(ctx context.Context, file string) error
	// Close waits for transactions and closes the database. Further calls do
	// nothing.
	Close() error
}

// Reader is a view of the database, valid within the call it was given to.
// Errors: NotFound for what isn't there, else about the database itself.
type Reader interface {
	InventoryReader
	DeploymentReader
	ReleaseReader

	Account(name string) (Account, error) // NotFound, UnknownAccount
	Accounts() ([]Account, error)         // by name
	// Administrators counts the accounts of a role that aren't disabled.
	CountRole(role string) (int, error)

	Session(hash [32]byte) (Session, error) // NotFound, UnknownSession

	// Audit returns entries, newest first, and the id behind which looking goes
	// on when it ended early.
	Audit(q AuditQuery) (page []AuditEntry, reached int64, err error)

	// Filters returns the saved filters of a page that an account sees, its own
	// first, each by name.
	Filters(account, page string) ([]Filter, error)

	// Bulletins returns all trust material.
	Bulletins() ([]Bulletin, error)
	Enrolment(hash [32]byte) (Enrolment, error) // NotFound, UnknownEnrolment

	// Fact returns what was noted of the installation under a name, or "".
	Fact(name string) (string, error)
	AccountKey(account string) (AccountKey, error) // NotFound, UnknownAccountKey
	AccountKeys() ([]AccountKey, error)            // by account
	Passkeys(account string) ([]Passkey, error)    // the oldest first

	// Position returns the id of the last event of a Controller whose
	// consequences are in the database; 0 before the first.
	Position(controller string) (int64, error)
	Order(controller, id string) (Order, error) // NotFound, UnknownOrder
	// OpenOrders returns orders that aren't gone, by id, behind after.
	OpenOrders(controller, after string, limit int) ([]Order, error)
	// Orders returns those of the orders that are known.
	Orders(controller string, ids []string) ([]Order, error)
	Step(key StepKey) (Step, error) // NotFound, UnknownStep
	Steps(q StepQuery) ([]Step, error)
	// FindSteps returns steps that a filter selects, and how far it has looked.
	FindSteps(q HistoryQuery) ([]Step, Reach, error)
	// FindRuns is the same for the runs of orders.
	FindRuns(q HistoryQuery) ([]Run, Reach, error)
	// CountSteps and CountRuns count what a filter selects, up to q.Limit, and tell
	// how far they have looked; from the newest, whatever q.Oldest says.
	CountSteps(q HistoryQuery) (n int, reach Reach, err error)
	CountRuns(q HistoryQuery) (n int, reach Reach, err error)
	// StepTimes returns the newest steps of a job that have ended.
	StepTimes(q JobQuery) ([]StepTime, error)
	// Hours returns how many runs ended in each hour from one (hours since 1970)
	// on, of one Controller or all (""), the oldest first; hours without any are
	// left out.
	Hours(controller string, from int64) ([]Hour, error)
	// PendingLogs returns steps whose log is to be fetched and that are due at
	// now, the longest due first.
	PendingLogs(controller string, now int64, limit int) ([]Step, error)
	// Ends tells how far those of the orders are that are known. Of the logs
	// those are awaited that are still to be fetched, of steps that became
	// known to have ended after since.
	Ends(controller string, ids []string, since int64) ([]OrderEnd, error)
	// LogChunk returns a piece of a step's log; NotFound, UnknownLogChunk.
	LogChunk(key StepKey, nr int) ([]byte, error)
}

// Writer is a Reader that changes.
type Writer interface {
	Reader
	InventoryWriter
	DeploymentWriter
	ReleaseWriter

	AddAccount(a Account) error      // Conflict, DuplicateAccount: names differ by more than case
	ChangeAccount(a Account) error   // NotFound, UnknownAccount
	DeleteAccount(name string) error // with its filters and keys

	AddSession(s Session) error
	TouchSession(hash [32]byte, lastUsed int64) error
	DeleteSession(hash [32]byte) error
	// DeleteSessionsOf ends an account's sessions but for one (the zero hash:
	// all), and returns their hashes.
	DeleteSessionsOf(account string, except [32]byte) ([][32]byte, error)
	// DeleteExpiredSessions forgets sessions that ended before now or weren't
	// used since idleSince.
	DeleteExpiredSessions(now, idleSince int64) error

	// PutFilter adds a saved filter (from 0) or changes the one that has the
	// revision from, and returns the new revision. Conflict, ObjectChanged: it has
	// another, or there is one or none against what was expected. TooLarge,
	// TooManyFilters: the account has most of them.
	PutFilter(f Filter, from int64, most int) (revision int64, err error)
	DeleteFilter(owner, page, name string) error // NotFound, UnknownFilter

	// PutBulletin replaces the version there is, whichever it is.
	PutBulletin(b Bulletin) error
	// AddEnrolment replaces all others of the same role and name.
	AddEnrolment(e Enrolment) error
	// UseEnrolment uses a token up: Conflict, EnrolmentOver, unless it is there,
	// wasn't used and hasn't expired.
	UseEnrolment(hash [32]byte, now int64) error
	// DeleteEnrolments forgets those that expired before a time.
	DeleteEnrolments(before int64) error

	// SetFact notes something of the installation; what was noted before under the
	// name is replaced.
	SetFact(name, value string) error
	// PutAccountKey replaces the key that the account has. NotFound, UnknownAccount.
	PutAccountKey(k AccountKey) error
	DeleteAccountKey(account string) error // NotFound, UnknownAccountKey
	AddPasskey(p Passkey) error            // Conflict, DuplicatePasskey
	// These are NotFound, UnknownPasskey, for another account's.
	RenamePasskey(account string, id []byte, name string) error
	PasskeyUsed(account string, id []byte, at int64) error
	DeletePasskey(account string, id []byte) error

	AddAudit(e AuditEntry) (id int64, err error)
	SetAuditResult(id int64, result string) error

	// Tell tells other programs, when the transaction is committed, that
	// something of a topic has changed: a word of at most 30 letters.
	Tell(topic string) error

	// CheckLease is Conflict, LeaseLost, when another has got the lease since the
	// term: what follows in the transaction isn't this program's to do.
	CheckLease(term int64) error

	// SetPosition moves a Controller's position on. It is Conflict,
	// PositionMoved, when the position isn't from: somebody else has written.
	SetPosition(controller string, from, to int64) error
	PutOrder(o Order) error
	AddStep(s Step) error // Conflict, DuplicateStep
	EndStep(key StepKey, e StepEnd, log LogState) error
	AddLogChunk(key StepKey, nr int, data []byte) error
	SetLog(key StepKey, l LogStatus) error
	AddRun(r Run) error // Conflict, DuplicateRun
	// ChangeRun changes a run, if it is there.
	ChangeRun(key RunKey, c RunChange) error
	// AddHour adds to the counts of an hour; a run that goes on is taken off.
	AddHour(h Hour) error

	// DeleteHistory deletes at most limit steps, with their logs, and runs of
	// orders that ended before a time and that the Controller has forgotten, and
	// the orders that have no steps left; also the counts of hours that were over
	// then. It returns how many rows of steps, runs and orders went.
	DeleteHistory(before int64, limit int) (int, error)
}
