package store

import "time"

// LeaseRequest asks for the right to run the services: what only one of the
// programs on a database may do.
type LeaseRequest struct {
	Holder string        // this process, unlike any other
	Reader string        // the name by which it would confirm events
	For    time.Duration // how long it lasts, by the database's clock; 0 gives it back
}

// Lease tells who runs the services.
type Lease struct {
	Held    bool   // by who asked
	Forever bool   // nobody else can get it: there is no need to ask again
	Term    int64  // rises when another gets it
	Reader  string // the name by which all on this database confirm events
}

// News is what another program has committed to the same database.
type News struct {
	Everything bool     // anything may have changed: news may have been lost
	Controller string   // whose events, or logs
	Position   int64    // up to which its events are written; 0: nothing new
	Root       string   // an order, of which a log has come or is given up
	Session    [32]byte // a login that has ended; zero: none
	Topic      string   // what the Cockpit there has told about; "": nothing
	Cockpit    string   // what another Cockpit tells of itself
}
