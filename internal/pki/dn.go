package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Bounds of distinguished names.
const (
	maxDNText = 4096
	maxRDNs   = 32
)

// DN is a distinguished name in a form in which == tells whether two are the
// same: type for type and value for value, in order, the parts of a multi-valued
// RDN in any order. Values are compared as RFC 4519 says for all types that occur
// in subjects: case doesn't count, nor do spaces at the ends, and several stand
// for one. Stricter than RFC 4518, no letter outside ASCII is taken for one within,
// and composed and decomposed letters differ. The zero value is no name.
type DN struct{ canonical string }

// component is one type with its value; hexadecimal if the value is no text.
type component struct{ oid, value string }

func (c component) text() string {
	return string(lengthPrefix(c.oid)) + c.oid + string(lengthPrefix(c.value)) + c.value
}

// lengthPrefix is the length of s, written so that makes joined texts unambiguous.
func lengthPrefix(s string) []byte {
	return []byte{byte(len(s) >> 16), byte(len(s) >> 8), byte(len(s))}
}

// makeDN makes the name of its RDNs, in the order of the encoding.
func makeDN(rdns [][]component) (DN, error) {
	if len(rdns) == 0 || len(rdns) > maxRDNs {
		return DN{}, badDN("it has %d parts; 1 to %d are allowed", len(rdns), maxRDNs)
	}
	var b strings.Builder
	for _, rdn := range rdns {
		texts := make([]string, 0, len(rdn))
		for _, c := range rdn {
			texts = append(texts, c.text())
		}
		slices.Sort(texts)
		joined := strings.Join(texts, "")
		b.Write(lengthPrefix(joined))
		b.WriteString(joined)
	}
	return DN{b.String()}, nil
}

func badDN(format string, args ...any) error {
	e := fault.New(fault.Invalid, "InvalidName", format, args...)
	e.Message = "the distinguished name can't be used: " + e.Message
	return e
}

// SubjectDN returns the name of a certificate's subject. A name with characters
// or encodings that could be mistaken for others is Untrusted.
func SubjectDN(cert *x509.Certificate) (DN, error) {
	rdns, err := parseRawName(cert.RawSubject)
	if err != nil {
		return DN{}, fault.New(fault.Untrusted, "InvalidName", "the certificate's subject can't be used: %s", fault.Of(err).Message)
	}
	dn, err := makeDN(rdns)
	if err != nil {
		return DN{}, fault.New(fault.Untrusted, "InvalidName", "the certificate's subject can't be used: %s", fault.Of(err).Message)
	}
	return dn, nil
}

func parseRawName(der []byte) ([][]component, error) {
	malformed := badDN("it is malformed")
	input := cryptobyte.String(der)
	var names cryptobyte.String
	if !input.ReadASN1(&names, cbasn1.SEQUENCE) || !input.Empty() {
		return nil, malformed
	}
	var rdns [][]component
	for !names.Empty() {
		var set cryptobyte.String
		if !names.ReadASN1(&set, cbasn1.SET) || set.Empty() || len(rdns) == maxRDNs {
			return nil, malformed
		}
		var rdn []component
		for !set.Empty() {
			var pair, value cryptobyte.String
			var oid asn1.ObjectIdentifier
			var tag cbasn1.Tag
			if !set.ReadASN1(&pair, cbasn1.SEQUENCE) || !pair.ReadASN1ObjectIdentifier(&oid) || !pair.ReadAnyASN1Element(&value, &tag) || !pair.Empty() {
				return nil, malformed
			}
			text, err := valueOfDER(value)
			if err != nil {
				return nil, err
			}
			rdn = append(rdn, component{oid.String(), text})
		}
		rdns = append(rdns, rdn)
	}
	return rdns, nil
}

// valueOfDER returns the canonical text of a value; of one that is no string,
// its bytes.
func valueOfDER(der []byte) (string, error) {
	input := cryptobyte.String(der)
	var content cryptobyte.String
	var tag cbasn1.Tag
	if !input.ReadAnyASN1(&content, &tag) || !input.Empty() {
		return "", badDN("a value is malformed")
	}
	text := string(content)
	switch tag {
	case cbasn1.UTF8String:
	case cbasn1.PrintableString, cbasn1.IA5String, asn1.TagNumericString:
		if strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
			return "", badDN("a value has characters that its type doesn't allow")
		}
	case asn1.TagBMPString:
		if len(content)%2 != 0 {
			return "", badDN("a value is malformed")
		}
		units := make([]uint16, 0, len(content)/2)
		for i := 0; i < len(content); i += 2 {
			units = append(units, uint16(content[i])<<8|uint16(content[i+1]))
		}
		text = string(utf16.Decode(units)) // what isn't UTF-16 becomes U+FFFD, which is refused
	default:
		return "#" + hex.EncodeToString(der), nil
	}
	return canonicalValue(text)
}

// canonicalValue folds case and spaces, and refuses what can't be seen.
func canonicalValue(text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", badDN("a value is not UTF-8")
	}
	var b strings.Builder
	b.WriteByte('=') // so that no text looks like the bytes of another type
	space := true    // at the beginning, as if one had been written
	for _, r := range text {
		switch {
		case r == ' ':
			space = true
			continue
		case r == utf8.RuneError || unicode.Is(unicode.C, r) || unicode.Is(unicode.Z, r):
			return "", badDN("a value has a control, invisible or undecodable character (%U)", r)
		}
		if space && b.Len() > 1 {
			b.WriteByte(' ')
		}
		space = false
		if low := unicode.ToLower(r); r < utf8.RuneSelf || low >= utf8.RuneSelf {
			r = low
		}
		b.WriteRune(r)
	}
	if b.Len() == 1 {
		return "", badDN("a value is empty")
	}
	return b.String(), nil
}

// attributeTypes are the short names of types that Java, openssl and RFC 4514
// write.
var attributeTypes = map[string]string{
	"cn": "2.5.4.3", "commonname": "2.5.4.3", "sn": "2.5.4.4", "surname": "2.5.4.4", "serialnumber": "2.5.4.5", "c": "2.5.4.6", "l": "2.5.4.7",
	"st": "2.5.4.8", "s": "2.5.4.8", "street": "2.5.4.9", "o": "2.5.4.10", "ou": "2.5.4.11", "t": "2.5.4.12", "title": "2.5.4.12",
	"gn": "2.5.4.42", "givenname": "2.5.4.42", "initials": "2.5.4.43", "generation": "2.5.4.44", "dnq": "2.5.4.46", "dnqualifier": "2.5.4.46",
	"dc": "0.9.2342.19200300.100.1.25", "uid": "0.9.2342.19200300.100.1.1", "ip": "1.3.6.1.4.1.42.2.11.2.1",
	"email": "1.2.840.113549.1.9.1", "emailaddress": "1.2.840.113549.1.9.1",
}

// shortNames are the types that SubjectText writes by name, as Java does.
var shortNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SURNAME", "2.5.4.5": "SERIALNUMBER", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O",
	"2.5.4.11": "OU", "2.5.4.12": "T", "2.5.4.42": "GIVENNAME", "2.5.4.43": "INITIALS", "2.5.4.44": "GENERATION", "2.5.4.46": "DNQ",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID", "1.2.840.113549.1.9.1": "EMAILADDRESS",
}

// SubjectText writes the name of a certificate's subject as ParseDN reads it, for
// people to copy; nearly as Java prints it. (What package pkix prints has another
// order.)
func SubjectText(cert *x509.Certificate) string {
	var names []rdnSET
	if rest, err := asn1.Unmarshal(cert.RawSubject, &names); err != nil || len(rest) > 0 {
		return "(unreadable)"
	}
	var b strings.Builder
	for i, rdn := range slices.Backward(names) {
		if i < len(names)-1 {
			b.WriteString(", ")
		}
		for j, part := range rdn {
			if j > 0 {
				b.WriteString(" + ")
			}
			name := shortNames[part.Type.String()]
			if name == "" {
				name = part.Type.String()
			}
			b.WriteString(name + "=" + valueText(part.Value))
		}
	}
	return b.String()
}

// rdnSET is an RDN whose values are as they are encoded. Package asn1 knows a set
// by its name.
type rdnSET []struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// valueText writes a value; one that is no text, or that can't be seen, in
// hexadecimal.
func valueText(value asn1.RawValue) string {
	var decoded any
	canonical, err := valueOfDER(value.FullBytes)
	if err == nil {
		_, err = asn1.Unmarshal(value.FullBytes, &decoded)
	}
	text, ok := decoded.(string)
	if err != nil || !ok || strings.HasPrefix(canonical, "#") {
		return "#" + hex.EncodeToString(value.FullBytes)
	}
	var b strings.Builder
	for i := range len(text) {
		if strings.IndexByte(`"+,;<=>\`, text[i]) >= 0 || i == 0 && text[i] == '#' {
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// ParseDN reads a distinguished name as RFC 4514 and Java write it: the last RDN
// of the encoding first, separated by commas. Quoted values, escapes, values in
// hexadecimal and types as numbers are understood.
func ParseDN(text string) (DN, error) {
	if len(text) > maxDNText || !utf8.ValidString(text) {
		return DN{}, badDN("it must be UTF-8 of at most %d bytes", maxDNText)
	}
	s := &dnScanner{rest: text}
	var rdns [][]component
	var rdn []component
	for {
		c, err := s.component()
		if err != nil {
			return DN{}, err
		}
		rdn = append(rdn, c)
		separator := s.next()
		if separator == '+' {
			continue
		}
		rdns = append(rdns, rdn)
		rdn = nil
		if separator == 0 {
			break
		}
	}
	slices.Reverse(rdns)
	return makeDN(rdns)
}

// dnScanner reads the text of a name.
type dnScanner struct{ rest string }

// next takes the separator; 0 at the end.
func (s *dnScanner) next() byte {
	if s.rest == "" {
		return 0
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return b
}

// component reads a type and its value, up to a separator or the end.
func (s *dnScanner) component() (c component, err error) {
	name, rest, ok := strings.Cut(s.rest, "=")
	name = strings.TrimSpace(name)
	if !ok {
		return c, badDN("expected TYPE=VALUE at %q", clip(s.rest))
	}
	c.oid = attributeTypes[strings.ToLower(name)]
	if number := strings.TrimPrefix(strings.ToLower(name), "oid."); c.oid == "" && isOID(number) {
		c.oid = number
	}
	if c.oid == "" {
		return c, badDN("there is no type %q; write it as a number like 2.5.4.3", clip(name))
	}
	s.rest = strings.TrimLeft(rest, " ")
	if strings.HasPrefix(s.rest, "#") {
		c.value, err = s.hexadecimal()
		return c, err
	}
	text, err := s.value()
	if err != nil {
		return c, err
	}
	c.value, err = canonicalValue(text)
	return c, err
}

func isOID(s string) bool {
	arcs := strings.Split(s, ".")
	for _, arc := range arcs {
		if arc == "" || len(arc) > 10 || strings.Trim(arc, "0123456789") != "" || len(arc) > 1 && arc[0] == '0' {
			return false
		}
	}
	return len(arcs) > 1
}

const dnSeparators = ",;+"

func (s *dnScanner) hexadecimal() (string, error) {
	end := strings.IndexAny(s.rest, dnSeparators)
	if end < 0 {
		end = len(s.rest)
	}
	der, err := hex.DecodeString(strings.TrimSpace(s.rest[1:end]))
	s.rest = s.rest[end:]
	if err != nil {
		return "", badDN("a value after # is not hexadecimal")
	}
	return valueOfDER(der)
}

// value reads a value, quoted or not, and undoes its escapes.
func (s *dnScanner) value() (string, error) {
	quoted := strings.HasPrefix(s.rest, `"`)
	if quoted {
		s.rest = s.rest[1:]
	}
	var out []byte
	for s.rest != "" {
		switch b := s.rest[0]; {
		case b == '\\':
			unescaped, n, ok := unescape(s.rest[1:])
			if !ok {
				return "", badDN("the escape at %q is wrong", clip(s.rest))
			}
			out = append(out, unescaped)
			s.rest = s.rest[1+n:]
			continue
		case b == '"' && !quoted:
			return "", badDN("there is a quotation mark within a value at %q", clip(s.rest))
		case b == '"':
			s.rest = strings.TrimLeft(s.rest[1:], " ")
			if s.rest != "" && !strings.Contains(dnSeparators, s.rest[:1]) {
				return "", badDN("expected a comma after a quoted value at %q", clip(s.rest))
			}
			return string(out), nil
		case !quoted && strings.IndexByte(dnSeparators, b) >= 0:
			return string(out), nil
		}
		out = append(out, s.rest[0])
		s.rest = s.rest[1:]
	}
	if quoted {
		return "", badDN("a quotation mark is missing")
	}
	return string(out), nil
}

// unescape returns the byte that follows a backslash, and how long it was.
func unescape(s string) (b byte, n int, ok bool) {
	if len(s) >= 2 {
		if v, err := hex.DecodeString(s[:2]); err == nil {
			return v[0], 2, true
		}
	}
	if s != "" && strings.IndexByte(` "#+,;<=>\`, s[0]) >= 0 {
		return s[0], 1, true
	}
	return 0, 0, false
}

// Subjects are certificates that are known by the distinguished name of their
// subject, since their authority puts no identity into them. A nil Subjects knows
// none. Never changed after it was made.
type Subjects struct{ by map[DN]Identity }

// NewSubjects returns subjects by their names, which are as ParseDN reads them.
// One name can't be that of two identities.
func NewSubjects(names map[string]Identity) (*Subjects, error) {
	s := &Subjects{by: make(map[DN]Identity, len(names))}
	for text, id := range names {
		dn, err := ParseDN(text)
		if err != nil {
			return nil, err
		}
		if other, ok := s.by[dn]; ok && other != id {
			return nil, badDN("%q is the name of %s and of %s", clip(text), id, other)
		}
		s.by[dn] = id
	}
	return s, nil
}

// identify returns who a certificate is by the identity in it or, if there is
// none of ours in it, by its subject. bySubject tells which.
func (s *Subjects) identify(cert *x509.Certificate) (id Identity, bySubject bool, err error) {
	if s == nil || len(s.by) == 0 {
		id, err = ParseIdentity(cert)
		return id, false, err
	}
	if ClaimsIdentity(cert) {
		id, err = ParseIdentity(cert)
		return id, false, err
	}
	dn, err := SubjectDN(cert)
	if err != nil {
		return Identity{}, false, err
	}
	id, ok := s.by[dn]
	if !ok {
		return Identity{}, false, fault.New(fault.Untrusted, "UnknownName", "nobody here has the certificate's subject %.300q", SubjectText(cert))
	}
	return id, true, nil
}

// ClaimsIdentity tells whether a certificate has an identity of ours in it, or
// something like one: it is known by that alone, or not at all. One whose names
// can't be read claims one, too.
func ClaimsIdentity(cert *x509.Certificate) bool {
	const scheme = "signet:"
	uris, err := rawURIs(cert)
	return err != nil || slices.ContainsFunc(uris, func(uri string) bool {
		return len(uri) >= len(scheme) && strings.EqualFold(uri[:len(scheme)], scheme)
	})
}
