// Package bulletin keeps trust material that is sent from left to right, beside
// the event log: signed files with versions, of which each receiver keeps the
// newest that it has verified itself, and passes it on.
//
// It owns what is newer, who has which, and the files in DATA/trust. What it
// accepts is verified against authorities that the machine trusts already: a
// sender can delay a file, but neither make one nor bring an older one back. It
// must not know how deliveries travel, nor what is done because of a file: those
// who read the folders (package transport, package trust) notice a change by
// themselves. Cockpit, Controller and Agent have one board each. ADR 0021.
package bulletin
