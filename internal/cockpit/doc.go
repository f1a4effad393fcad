// Package cockpit is what users and programs talk to: the web API, logins and
// permissions, the history, task logs and audit trail in its database, and the
// way to the Controllers.
//
// It owns the routes and who may use them, and the exactly-once reading of each
// Controller's events. It must not decide anything about orders (the Controller
// does), nor be believed by a Controller beyond who asked: documents are verified
// there again. internal/app starts it. docs/architecture/cockpit.md tells how it
// works; DESIGN.md lists the invariants.
package cockpit
