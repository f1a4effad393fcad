package conf

import (
	"slices"
	"strconv"

	"github.com/signet-scheduler/signet/internal/hocon"
)

// User is one of JS7's users: a Controller that may drive an Agent, known by the
// subject of its certificate or, without TLS, by a password.
type User struct {
	Name     string
	Names    []string // distinguished names as RFC 4514 and Java write them, not yet read
	Password Password
	Where    string // FILE:LINE
}

// maxEntries bounds the entries of an object with names as keys.
const maxEntries = 1000

// bindUsers binds JS7's users of an Agent.
func bindUsers(b *binder, users *[]User) {
	const name = "js7.auth.users"
	s := b.bind(Key{
		Name: name, Type: "users", Range: "at most 1000, each with a name as key",
		Meaning: "JS7's users: Controllers that may drive this Agent. A user is an object with the keys below, a text, which is the password, " +
			"or a list, which is the distinguished names. With it, `signet.agent.controllers` is empty unless it is set.",
	})
	b.keys = append(
		b.keys,
		Key{
			Name: name + ".NAME.distinguished-names", Type: "names", Range: "a text or a list of at most 100",
			Meaning: "The subjects of the Controller's certificates, as Java prints them: `CN=c1, OU=IT, O=Company, C=DE`. " +
				"They are compared part by part, without regard to case and spaces. A certificate with an identity of Signet in it is known by that alone.",
		},
		Key{Name: name + ".NAME.distinguished-name", Type: "names", Range: "a text or a list of at most 100", Meaning: "The same."},
		Key{
			Name: name + ".NAME.password", Type: "password", Range: "`sha512:` and 128 hexadecimal digits, or `plain:` and the password",
			Meaning: "The password, for requests without TLS.",
		},
		Key{
			Name: name + ".NAME.permissions", Type: "anything",
			Meaning: "Accepted from JS7 and not needed: whoever is a user here is a Controller.",
		},
	)
	for _, e := range b.entries(s) {
		u := User{Name: e.key, Where: e.setting.where}
		if b.user(e.setting, &u) {
			*users = append(*users, u)
		}
	}
}

// entry is one key of an object whose keys are names.
type entry struct {
	key     string
	setting *setting
}

// entries returns the entries of an object whose keys are names of parts.
func (b *binder) entries(s *setting) []entry {
	switch {
	case s == nil:
		return nil
	case s.value.Kind() != hocon.Object:
		b.bad(s, "expected an object with names as keys, found a %s", s.value.Kind())
		return nil
	case len(s.value.Keys()) > maxEntries:
		b.bad(s, "%d entries are more than the %d that are allowed", len(s.value.Keys()), maxEntries)
		return nil
	}
	var out []entry
	for _, key := range s.value.Keys() {
		v, _ := s.value.Get(key)
		below := &setting{value: v, name: s.name + "." + key, where: where(s.value.KeyPos(key)), hidden: s.hidden}
		if _, wrong := checkName(key); wrong != "" {
			b.problem(below.where, "%s: %s, found %s", s.name, wrong, QuoteString(key))
			continue
		}
		if v.Kind() != hocon.Null {
			out = append(out, entry{key, below})
		}
	}
	return out
}

// user reads one user.
func (b *binder) user(s *setting, u *User) bool {
	switch s.value.Kind() {
	case hocon.Array:
		u.Names = b.oneOrMore(s)
		return len(u.Names) > 0
	case hocon.Object:
	default:
		return b.password(s, &u.Password)
	}
	before := len(b.problems)
	known := []string{"distinguished-names", "distinguished-name", "password", "permissions"}
	for _, key := range s.value.Keys() {
		v, _ := s.value.Get(key)
		below := &setting{value: v, name: s.name + "." + key, where: where(s.value.KeyPos(key))}
		switch {
		case !slices.Contains(known, key):
			b.problem(below.where, "%s: %s", s.name, unknown(key, known))
		case v.Kind() == hocon.Null || key == "permissions":
		case key == "password":
			b.password(below, &u.Password)
		default:
			u.Names = append(u.Names, b.oneOrMore(below)...)
		}
	}
	if len(u.Names) == 0 && u.Password.IsEmpty() && len(b.problems) == before {
		b.bad(s, "the user has neither a password nor distinguished names, so nobody could be it")
	}
	return len(b.problems) == before
}

func (b *binder) password(s *setting, dst *Password) bool {
	s.hidden = true
	text, ok := b.scalar(s)
	if !ok {
		return false
	}
	p, wrong := parsePassword(text)
	if wrong != "" {
		b.bad(s, "%s", wrong)
		return false
	}
	*dst = p
	return true
}

// oneOrMore reads a text, or a list of some.
func (b *binder) oneOrMore(s *setting) []string {
	if s.value.Kind() != hocon.Array {
		if text, ok := b.scalar(s); ok {
			return []string{text}
		}
		return nil
	}
	items := s.value.Items()
	if len(items) == 0 || len(items) > 100 {
		b.bad(s, "the list has %d elements; allowed: 1 to 100", len(items))
		return nil
	}
	var texts []string
	for i, item := range items {
		if text, ok := b.scalar(&setting{value: item, name: s.name + "[" + strconv.Itoa(i) + "]", where: where(item.Pos())}); ok {
			texts = append(texts, text)
		}
	}
	return texts
}
