package backup

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"

	"github.com/signet-scheduler/signet/internal/fault"
)

// A stream of parts is a sequence of records: the length of a head as uvarint,
// the head as JSON, and, if the head is a part's, its bytes in pieces, each
// with its length as uvarint before it, and a piece of length 0 at the end.
// The last head is the end's; what lacks it isn't whole.

// The bounds of a stream, in bytes.
const (
	maxHead  = 16 << 20
	maxPiece = 1 << 20
)

// head is what stands before a part, or at the end.
type head struct {
	Part    *Part     `json:"part,omitempty"`
	Missing []Missing `json:"missing,omitempty"`
	Problem *problem  `json:"problem,omitempty"`
	End     bool      `json:"end,omitempty"`
}

// problem is a fault as it travels.
type problem struct {
	Kind    string `json:"kind"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Sender writes a stream of parts.
type Sender struct{ w io.Writer }

// NewSender returns a sender that writes to w.
func NewSender(w io.Writer) *Sender { return &Sender{w} }

func (s *Sender) head(h head) error {
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	_, err = s.w.Write(append(binary.AppendUvarint(nil, uint64(len(data))), data...))
	return err
}

// Send sends a part; write gives its bytes. After an error only Fail is of use.
func (s *Sender) Send(p Part, write func(io.Writer) error) error {
	if err := s.head(head{Part: &p}); err != nil {
		return err
	}
	b := bufio.NewWriterSize(pieceWriter{s.w}, maxPiece/4)
	if err := write(b); err != nil {
		return errors.Join(err, b.Flush(), s.endPart())
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return s.endPart()
}

func (s *Sender) endPart() error {
	_, err := s.w.Write([]byte{0})
	return err
}

// pieceWriter makes each write one or several pieces.
type pieceWriter struct{ w io.Writer }

func (p pieceWriter) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), maxPiece)
		if _, err := p.w.Write(binary.AppendUvarint(nil, uint64(n))); err != nil {
			return 0, err
		}
		if _, err := p.w.Write(rest[:n]); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(b), nil
}

// End ends the stream: all was sent but what is missing.
func (s *Sender) End(missing []Missing) error { return s.head(head{Missing: missing, End: true}) }

// Fail ends the stream with the reason why it isn't whole.
func (s *Sender) Fail(err error) error {
	e := fault.Of(err)
	return s.head(head{Problem: &problem{e.Kind.String(), e.Code, e.Public()}})
}

// Receiver reads a stream of parts.
type Receiver struct {
	r       *bufio.Reader
	left    uint64 // of the piece
	inPart  bool
	Missing []Missing // after Next has returned io.EOF
}

// NewReceiver returns a receiver that reads from r.
func NewReceiver(r io.Reader) *Receiver { return &Receiver{r: bufio.NewReaderSize(r, 64<<10)} }

// Next returns the next part, whose bytes Read returns. At the end of the
// stream the error is io.EOF; a stream that isn't whole is Unavailable
// "BackupCut", or the reason that the sender gave.
func (r *Receiver) Next() (*Part, error) {
	if r.inPart {
		if _, err := io.Copy(io.Discard, r); err != nil {
			return nil, err
		}
	}
	n, err := binary.ReadUvarint(r.r)
	if err != nil {
		return nil, cut(err)
	}
	if n > maxHead {
		return nil, fault.New(fault.TooLarge, "HeadTooLarge", "a part of the backup is described by %d bytes", n)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r.r, data); err != nil {
		return nil, cut(err)
	}
	var h head
	if err := json.Unmarshal(data, &h); err != nil {
		return nil, cut(err)
	}
	switch {
	case h.Problem != nil:
		return nil, fault.New(fault.ParseKind(h.Problem.Kind), h.Problem.Code, "%s", h.Problem.Message)
	case h.End:
		r.Missing = h.Missing
		return nil, io.EOF
	case h.Part == nil:
		return nil, cut(errors.New("a head says nothing"))
	}
	r.inPart = true
	return h.Part, nil
}

// Read returns the bytes of the part that Next has returned.
func (r *Receiver) Read(b []byte) (int, error) {
	if !r.inPart {
		return 0, io.EOF
	}
	if r.left == 0 {
		n, err := binary.ReadUvarint(r.r)
		switch {
		case err != nil:
			return 0, cut(err)
		case n > maxPiece:
			return 0, fault.New(fault.TooLarge, "PieceTooLarge", "a piece of the backup has %d bytes", n)
		case n == 0:
			r.inPart = false
			return 0, io.EOF
		}
		r.left = n
	}
	n, err := r.r.Read(b[:min(uint64(len(b)), r.left)])
	r.left -= uint64(n)
	if err != nil {
		return n, cut(err)
	}
	return n, nil
}

// cut is the fault for a stream that ended before its end.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // the other one means that all is there
	}
	return fault.Wrap(fault.Unavailable, "BackupCut", err, "the connection broke before the backup was whole")
}
