package proc

import (
	"encoding/binary"
	"errors"
	"time"
)

// The Agent and its starter exchange messages, one per packet of a SEQPACKET
// socket. Both come from the same binary; the version only guards against one
// that was replaced meanwhile. A message is its kind, then its fields: numbers
// as uvarint, strings and lists with their length before them. Decoders take
// nothing for granted all the same.
const (
	wireVersion = 1

	// maxPacket is the greatest message. A start that is longer travels in a
	// memory file, whose descriptor comes with a packet of kind msgStartFile.
	maxPacket = 60 << 10
	maxStart  = maxAllStrings + 1<<20
	maxList   = 1 << 20 // arguments, or variables
	maxText   = 4 << 10 // reasons and log lines

	// maxInFlight bounds the starts that wait in the socket, so that a kill never
	// waits behind more than these.
	maxInFlight = 32
)

type msgKind uint8

const (
	// Agent to starter.
	msgConfigure msgKind = iota + 1
	msgStart             // with the descriptors for stdout and stderr that are set
	msgStartFile         // the same, its body in one more descriptor
	msgKill
	msgForget
	msgClose
	// Starter to Agent.
	msgHello
	msgStarted
	msgEnded
	msgLog
)

// message is any message; each kind uses the fields named at its case in
// fields.
type message struct {
	kind    msgKind
	version uint64
	text    string      // configure: cgroup; hello: what is wrong; log: line
	more    string      // configure: instance; hello: why there are no cgroups
	base    string      // hello: directory of the instance's cgroups, "" for none
	key     Key         // start in a file, kill, forget
	number  uint64      // kill: Signal; log: level + levelShift
	spec    Spec        // start, without files
	files   uint64      // start: which of stdout (1) and stderr (2) come with it
	running Running     // started; only its key when fail is set
	fail    *StartError // started: never ran
	end     End
}

// levelShift makes a log level, which may be negative, a uvarint.
const levelShift = 64

var errBadMessage = errors.New("a message between Agent and starter can't be read")

// codec encodes or decodes: each field is named once, for both directions.
type codec struct {
	encode bool
	b      []byte
	bad    bool
}

func encodeMessage(m *message) []byte {
	c := &codec{encode: true, b: []byte{byte(m.kind)}}
	c.fields(m)
	return c.b
}

func decodeMessage(b []byte) (*message, error) {
	if len(b) == 0 {
		return nil, errBadMessage
	}
	m := &message{kind: msgKind(b[0])}
	c := &codec{b: b[1:]}
	c.fields(m)
	if c.bad || len(c.b) != 0 {
		return nil, errBadMessage
	}
	return m, nil
}

func (c *codec) fields(m *message) {
	switch m.kind {
	case msgConfigure:
		c.num(&m.version)
		c.str(&m.text)
		c.str(&m.more)
	case msgStart:
		c.num(&m.files)
		c.spec(&m.spec)
	case msgStartFile:
		c.str((*string)(&m.key))
		c.num(&m.files)
	case msgKill:
		c.str((*string)(&m.key))
		c.num(&m.number)
	case msgForget:
		c.str((*string)(&m.key))
	case msgClose:
	case msgHello:
		c.num(&m.version)
		c.str(&m.text)
		c.str(&m.more)
		c.str(&m.base)
	case msgStarted:
		c.running(&m.running)
		c.startError(&m.fail)
	case msgEnded:
		c.end(&m.end)
		c.num(&m.number)
	case msgLog:
		c.num(&m.number)
		c.str(&m.text)
	default:
		c.bad = true
	}
}

func (c *codec) spec(s *Spec) {
	c.str((*string)(&s.Key))
	c.str(&s.Dir)
	c.flag(&s.Shell)
	c.strs(&s.Argv)
	c.strs(&s.Env)
}

func (c *codec) running(r *Running) {
	c.str((*string)(&r.Key))
	c.integer(&r.PID)
	c.num(&r.StartTicks)
	c.str(&r.BootID)
	c.str(&r.Cgroup)
	c.time(&r.Started)
}

func (c *codec) end(e *End) {
	c.str((*string)(&e.Key))
	c.integer(&e.ExitCode)
	c.integer(&e.Signal)
	c.time(&e.Started)
	c.time(&e.Ended)
	cpu := uint64(e.CPU)
	c.num(&cpu)
	e.CPU = time.Duration(cpu)
	rss := uint64(e.MaxRSS)
	c.num(&rss)
	e.MaxRSS = int64(rss)
	c.integer(&e.LeftOver)
	c.str(&e.KilledBy)
}

func (c *codec) startError(e **StartError) {
	has := *e != nil
	c.flag(&has)
	if !has {
		return
	}
	if *e == nil {
		*e = new(StartError)
	}
	c.str((*string)(&(*e).Kind))
	c.str(&(*e).Reason)
}

func (c *codec) num(v *uint64) {
	if c.encode {
		c.b = binary.AppendUvarint(c.b, *v)
		return
	}
	x, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.bad, c.b = true, nil
		return
	}
	*v, c.b = x, c.b[n:]
}

// integer is a number from 0 to 2^31-1.
func (c *codec) integer(v *int) {
	x := uint64(*v)
	c.num(&x)
	if x > 1<<31-1 {
		c.bad = true
		return
	}
	*v = int(x)
}

func (c *codec) flag(v *bool) {
	var x uint64
	if *v {
		x = 1
	}
	c.num(&x)
	c.bad = c.bad || x > 1
	*v = x == 1
}

// time has nanoseconds; the monotonic clock doesn't travel.
func (c *codec) time(t *time.Time) {
	var x uint64
	if c.encode {
		x = uint64(t.UnixNano())
	}
	c.num(&x)
	if !c.encode {
		*t = time.Unix(0, int64(x))
	}
}

func (c *codec) str(s *string) {
	n := uint64(len(*s))
	c.num(&n)
	if c.encode {
		c.b = append(c.b, *s...)
		return
	}
	if n > uint64(len(c.b)) {
		c.bad, c.b = true, nil
		return
	}
	*s, c.b = string(c.b[:n]), c.b[n:]
}

func (c *codec) strs(list *[]string) {
	n := uint64(len(*list))
	c.num(&n)
	if !c.encode {
		// Every string takes a byte at least, so a list can't claim to be longer
		// than the message.
		if n > maxList || n > uint64(len(c.b)) {
			c.bad, c.b = true, nil
			return
		}
		*list = make([]string, n)
	}
	for i := range *list {
		c.str(&(*list)[i])
	}
}
