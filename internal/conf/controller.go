package conf

import (
	"hash/fnv"
	"math"
	"strings"
	"time"
)

// maxMemberID is the largest Raft id that consensus takes.
const maxMemberID = 1<<32 - 1

func bindController(b *binder, c *Controller) {
	const prefix = "signet.controller."
	b.text(&c.ID, Key{
		Name: prefix + "id", Alias: "js7.controller.id", Type: "name", Range: nameRange,
		Meaning: "The Controller's id, the same in all members of a group.",
	}, "controller", checkName)
	b.text(&c.Name, Key{
		Name: prefix + "name", Type: "name", Range: nameRange,
		Meaning: "The name of this member, which is the name in its certificate.",
	}, "controller-1", checkName)
	bindControllerListen(b, c, prefix+"listen")
	bindMembers(b, c, prefix+"members")
	b.names(&c.CockpitNames, Key{Name: prefix + "cockpits", Meaning: "The names, in their certificates, of the Cockpits that may connect."}, "cockpit")
	b.duration(&c.ElectionTimeout, Key{
		Name:    prefix + "raft.election-timeout",
		Meaning: "After so long without its leader, a member stands for election; at least three heartbeats.",
	}, time.Second, limits[time.Duration]{low: 100 * time.Millisecond, high: time.Minute})
	b.duration(&c.Heartbeat, Key{Name: prefix + "raft.heartbeat", Meaning: "How often the leader tells the others that it is there."},
		100*time.Millisecond, limits[time.Duration]{low: 10 * time.Millisecond, high: 10 * time.Second})
	if c.ElectionTimeout < 3*c.Heartbeat {
		b.problem(b.place(prefix+"raft.election-timeout", prefix+"raft.heartbeat"),
			"%sraft.election-timeout (%s) must be at least three times %sraft.heartbeat (%s)",
			prefix, durationText(c.ElectionTimeout), prefix, durationText(c.Heartbeat))
	}
	bindTLS(b, &c.TLS)
	bindTrust(b, &c.Trust)
	bindInstallation(b, &c.Trust.Installation, &c.Trust.SecurityLevel, "signet.security-level")
	bindJournal(b, &c.SnapshotBytes, &c.SnapshotPeriod, &c.MinFreeSpace)
	b.number(&c.KeepEvents, Key{
		Name:    "signet.journal.keep-events",
		Meaning: "So many of the latest events stay readable at least, also when all readers have confirmed them.",
	}, 100_000, limits[int]{low: 100, high: 10_000_000})
	b.number(&c.AgentBatch, Key{Name: "signet.agents.command-batch-size", Meaning: "How many commands go to an Agent in one request at most."},
		100, limits[int]{low: 1, high: 10_000})
	bindAgentAccess(b, c)
	bindProcess(b, &c.ShutdownTimeout, &c.LogLevel, &c.LogFormat)
}

// bindAgentAccess binds how Agents are known and called that have no certificate
// with an identity in it.
func bindAgentAccess(b *binder, c *Controller) {
	const prefix = "signet.agents."
	for _, e := range b.entries(b.bind(Key{
		Name: prefix + "distinguished-names", Type: "names by name", Range: "at most 1000 Agents; for each, a text or a list of at most 100",
		sample: `{ agent-1 = "CN=host1, O=Company, C=DE" }`,
		Meaning: "The subjects, as Java prints them, of the certificates of Agents that have no identity of Signet in them: such an Agent is known by its subject. " +
			"They are compared part by part, without regard to case and spaces.",
	})) {
		if names := b.oneOrMore(e.setting); len(names) > 0 {
			c.AgentSubjects = append(c.AgentSubjects, User{Name: e.key, Names: names, Where: e.setting.where})
		}
	}
	bindAgentKeystore(b, &c.AgentTLS)
	b.choice(&c.PlainHTTP, Key{
		Name: prefix + "plain-http",
		Meaning: "Which Agents with an `http` address are called, if any: only those on this machine, or `anywhere`, where everybody on the way can read and change " +
			"what is said, and take the password.",
	}, plainLoopback, plainAnywhere, plainOff)
	for _, e := range b.entries(b.bind(Key{
		Name: "js7.auth.agents", Type: "passwords by name", Range: "at most 1000 Agents", hidden: true,
		Meaning: "The password at each Agent that is called without TLS; the user's name is the Controller's id. `plain:` before it is left out. It belongs into `private/private.conf`.",
	})) {
		if text, ok := b.scalar(e.setting); ok {
			if c.AgentPasswords == nil {
				c.AgentPasswords = map[string]Secret{}
			}
			c.AgentPasswords[e.key] = NewSecret(strings.TrimPrefix(text, plainPrefix))
		}
	}
}

// bindAgentKeystore binds the certificate that Agents are called with, if it is
// another than the Controller's own.
func bindAgentKeystore(b *binder, t *TLS) {
	const prefix, js7 = "signet.agents.keystore.", js7HTTPS + "client-keystore."
	b.path(&t.Keystore, Key{
		Name: prefix + "file", Alias: js7 + "file", sample: QuoteString(defaultClientKeystore),
		Meaning: "A PKCS#12 file with the key and certificate that Agents are called with, where they know the Controller by another certificate than its own: " +
			"one of a company's authority, by its subject. If only its password is set, it is `" + defaultClientKeystore + "`.",
	}, configBase, "")
	b.secret(&t.KeystorePassword, Key{Name: prefix + "password", Alias: js7 + "store-password", Meaning: "That keystore's password."})
	b.secret(&t.KeyPassword, Key{Name: prefix + "key-password", Alias: js7 + "key-password", Meaning: "Its key's password, if it isn't the keystore's."})
	b.text(&t.KeystoreAlias, Key{Name: prefix + "alias", Alias: js7 + "alias", Type: "text", sample: `"..."`, Meaning: "Which key of it is meant, if it holds several."},
		"", func(s string) (string, string) { return s, "" })
	if t.Keystore == "" && !t.KeystorePassword.IsEmpty() {
		t.Keystore = resolve(b.configDir, defaultClientKeystore)
	}
	if t.KeyPassword.Equal(t.KeystorePassword) {
		t.KeyPassword = Secret{}
	}
}

// maxMembers is how many members a group has at most: more would only be slower.
const maxMembers = 5

// bindMembers binds the members of the group; without the key it is this
// Controller alone.
func bindMembers(b *binder, c *Controller, name string) {
	s := b.bind(Key{
		Name: name, Type: "list of objects", Range: "1 to 5 members, this one included",
		Default: `[{ name = "controller-1", url = "https://localhost:4444" }]`,
		Meaning: "The members of the Raft group. The default is this Controller alone, with the name and port that are set.",
	})
	b.keys = append(b.keys,
		Key{Name: name + "[].name", Type: "name", Range: nameRange, Meaning: "The member's name.", Required: true},
		Key{Name: name + "[].url", Type: "URL", Range: "`https://HOST:PORT`", Meaning: "Where the other members and the Cockpits reach it.", Required: true},
		Key{
			Name: name + "[].id", Type: "number", Range: "1 to 2^32-1",
			Meaning: "The member's number in the group, the same in all members' files and never given to another member. The default is computed from the name.",
		})
	c.Members = []Member{{Name: c.Name, URL: listenURL(c.Listen), ID: memberID(c.Name)}}
	if s == nil {
		return
	}
	c.Members = nil
	names, urls, ids := map[string]bool{}, map[string]bool{}, map[uint64]bool{}
	elements := b.elements(s, maxMembers, "name", "url", "id")
	for _, e := range elements {
		m, ok := b.member(e)
		if !ok {
			continue
		}
		if names[m.Name] || urls[m.URL] || ids[m.ID] {
			b.bad(e.object, "another member has the same name, url or id")
		}
		names[m.Name], urls[m.URL], ids[m.ID] = true, true, true
		c.Members = append(c.Members, m)
	}
	if len(c.Members) == len(elements) && !names[c.Name] {
		b.bad(s, "this Controller, %s (signet.controller.name), isn't among the members", c.Name)
	}
}

// member reads one member.
func (b *binder) member(e element) (m Member, ok bool) {
	name, url := e.require("name"), e.require("url")
	if name == nil || url == nil {
		return m, false
	}
	var okName, okURL bool
	m.Name, okName = b.checked(name, checkName)
	m.URL, okURL = b.checked(url, checkURL)
	m.ID = memberID(m.Name)
	if id := e.get("id"); id != nil {
		n, err := id.value.Int()
		if err != nil || n < 1 || n > maxMemberID {
			b.bad(id, "expected a whole number from 1 to 2^32-1, found %s", found(id.value))
			return m, false
		}
		m.ID = uint64(n)
	}
	return m, okName && okURL
}

// memberID returns the Raft id that follows from a name: the same in all
// files, whatever the order of members is.
func memberID(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never an error
	if id := h.Sum64() & maxMemberID; id != 0 {
		return id
	}
	return math.MaxUint32
}
