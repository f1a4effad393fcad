package conf

// bindJS7 binds what a configuration of a JS7 Agent may have besides, and notes
// where this Agent is stricter.
func bindJS7(b *binder, a *Agent) {
	const auth = "js7.web.server.auth."
	for _, public := range []struct{ key, whom string }{
		{auth + "public", "everybody"},
		{auth + "loopback-is-public", "everybody on this machine"},
		{auth + "get-is-public", "whoever only reads"},
	} {
		if b.unhonoured(public.key, true, "Accepted from JS7 and not honoured: nobody gets in without a certificate or a password.") {
			a.note("%s = true is not honoured: JS7 would let %s in, here every request needs a certificate or a password", public.key, public.whom)
		}
	}
	if b.unhonoured(auth+"https-client-authentication", false, "Accepted from JS7 and not honoured: with TLS, a certificate is always asked for.") {
		a.note("%shttps-client-authentication = false is not honoured: with TLS, a certificate is always asked for", auth)
	}
	strict := b.unhonoured("js7.configuration.allow-expired-certificates", false, "Accepted from JS7; expired certificates are refused always.")
	for _, u := range a.Users {
		if len(u.Names) > 0 && !strict {
			a.note("an expired certificate is refused; JS7 accepts it unless js7.configuration.allow-expired-certificates = false")
			break
		}
	}
	for _, key := range []struct{ name, why string }{
		{auth + "realm", "the realm is always \"Signet\"."},
		{auth + "invalid-authentication-delay", "a wrong password is answered after a second."},
		{"js7.web.server.verbose-error-messages", "errors always tell what is wrong."},
		{"js7.web.server.shutdown-timeout", "see `signet.shutdown-timeout`."},
		{"js7.web.server.shutdown-delay", "see `signet.shutdown-timeout`."},
		{"js7.job.execution.java", "there are no jobs in Java."},
		{"js7.job.execution.encoding", "output is kept byte by byte."},
		{"js7.job.execution.used-error-line-length", "it has no counterpart."},
		{"js7.job.execution.worry-about-stdout-after-termination", "it has no counterpart."},
		{"js7.order.stdout-stderr", "output goes into files, not into events."},
		{"js7.journal.sync", "the event log is always synced."},
		{"js7.journal.sync-delay", "the event log is always synced."},
		{"js7.journal.delay", "it has no counterpart."},
		{"js7.journal.concurrent-persist-limit", "it has no counterpart."},
		{"js7.journal.slow-check-state", "it has no counterpart."},
		{"js7.journal.remove-obsolete-files", "files that nobody needs are always removed."},
		{"js7.journal.users-allowed-to-release-events", "only the Controller confirms events."},
		{"js7.journal.release-events-delay", "it has no counterpart."},
		{"js7.journal.snapshot", "see `signet.journal.snapshot`."},
		{"js7.journal.memory", "it has no counterpart."},
		{"js7.web.server.services", "every route has bounds of its own."},
		{"js7.web.server.prefetch", "it has no counterpart."},
		{"js7.web.chunk-size", "it has no counterpart."},
		{"js7.web.client", "an Agent calls nobody."},
		{"js7.web.https.client-keystore", "an Agent calls nobody."},
		{"js7.directory-watch", "it has no counterpart."},
		{"js7.api-server", "it is for job templates in Java, which don't exist here."},
	} {
		if b.bind(Key{Name: key.name, Type: "anything", Meaning: "Accepted from JS7 without effect: " + key.why}) != nil {
			a.note("%s has no effect: %s", key.name, key.why)
		}
	}
}

// unhonoured binds a truth value that changes nothing, and tells whether it is
// set to that one.
func (b *binder) unhonoured(name string, to bool, meaning string) bool {
	s := b.bind(Key{Name: name, Type: "boolean", Range: "yes, no (or true, false, on, off)", Meaning: meaning})
	if s == nil {
		return false
	}
	v, err := s.value.Bool()
	if err != nil {
		b.bad(s, "%v, found %s", err, found(s.value))
		return false
	}
	return v == to
}
