// Package transport is how the parts of Signet talk: an HTTPS server and client
// that know each other by certificate, a route table that names who may call
// what, problem+json errors, and NDJSON streams.
//
// It owns TLS settings, limits and time-outs of listeners, and the rule that
// nothing of a request is looked at before its peer's certificate was accepted,
// and nothing more once that certificate is revoked. It must not know what is
// said over a connection, nor open one to the left (Agents never dial
// Controllers); who opens the TCP connection can be changed from outside
// (Options.Listener, ClientOptions.Dial).
//
// Controller and Agent serve and call by it; the Cockpit calls by it, and
// serves its users by a server in mode Users. An Agent may also serve without
// TLS, behind a proxy that ends it or where plain HTTP was asked for.
//
// DESIGN.md lists the invariants.
package transport
