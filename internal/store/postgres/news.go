package postgres

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/store/rows"
)

// What a Cockpit commits is told to the others by NOTIFY, which is sent with the
// commit, or not at all. A message has who sends it, what kind it is, and values:
// texts as hexadecimal digits.
const (
	channel      = "signet_news"
	newsPosition = "position" // CONTROLLER EVENT
	newsLog      = "log"      // CONTROLLER ROOT
	newsSession  = "session"  // HASH
	newsTopic    = "topic"    // TOPIC
	newsCockpit  = "cockpit"  // TEXT
	maxMessage   = 7000       // bytes; PostgreSQL takes 7999
)

func digits(s string) string { return hex.EncodeToString([]byte(s)) }

func (w *writer) message(kind string, values ...string) string {
	m := strings.Join(append([]string{w.sender, kind}, values...), " ")
	if len(m) > maxMessage {
		return w.sender // everything may have changed
	}
	return m
}

// SetPosition implements store.Writer, and tells the others.
func (w *writer) SetPosition(controller string, from, to int64) error {
	if from == 0 {
		if _, err := w.Exec("INSERT INTO positions (controller, event) VALUES (?, 0) ON CONFLICT (controller) DO NOTHING", controller); err != nil {
			return err
		}
	}
	const query = `WITH moved AS (UPDATE positions SET event = ? WHERE controller = ? AND event = ? RETURNING event)
		SELECT pg_notify('` + channel + `', ?) FROM moved`
	n, err := w.Exec(query, to, controller, from, w.message(newsPosition, digits(controller), strconv.FormatInt(to, 10)))
	if err == nil && n == 0 {
		return rows.PositionMoved(controller, from)
	}
	return err
}

// SetLog implements store.Writer, and tells the others when nothing more comes.
func (w *writer) SetLog(key store.StepKey, l store.LogStatus) error {
	if err := w.Tx.SetLog(key, l); err != nil || l.State != store.LogComplete && l.State != store.LogMissing {
		return err
	}
	const query = `SELECT pg_notify('` + channel + `', ? || encode(substr(root, 1, 3000), 'hex')) FROM steps WHERE event = ? AND controller = ?`
	_, err := w.Exec(query, w.message(newsLog, digits(key.Controller))+" ", key.Event, key.Controller)
	return err
}

// DeleteSession implements store.Writer, and tells the others.
func (w *writer) DeleteSession(hash [32]byte) error {
	if err := w.Tx.DeleteSession(hash); err != nil {
		return err
	}
	return w.tellEnded(hash)
}

// DeleteSessionsOf implements store.Writer, and tells the others.
func (w *writer) DeleteSessionsOf(account string, except [32]byte) ([][32]byte, error) {
	gone, err := w.Tx.DeleteSessionsOf(account, except)
	for _, hash := range gone {
		if err == nil {
			err = w.tellEnded(hash)
		}
	}
	return gone, err
}

func (w *writer) tellEnded(hash [32]byte) error {
	_, err := w.Exec("SELECT pg_notify('"+channel+"', ?)", w.message(newsSession, digits(string(hash[:]))))
	return err
}

// Tell implements store.Writer. What is told twice in a transaction comes once.
func (w *writer) Tell(topic string) error {
	return w.Later("SELECT pg_notify('"+channel+"', ?)", anyway, w.message(newsTopic, digits(topic)))
}

// Announce implements store.Store.
func (d *DB) Announce(ctx context.Context, text string) error {
	message := strings.Join([]string{d.sender, newsCockpit, digits(text)}, " ")
	if len(message) > maxMessage {
		return fault.New(fault.TooLarge, "AnnouncementTooLarge", "%d bytes are too many to tell other Cockpits", len(text))
	}
	if err := d.turns.Enter(); err != nil {
		return err
	}
	defer d.turns.Leave()
	_, err := d.pool.Exec(ctx, "SELECT pg_notify('"+channel+"', $1)", message)
	return failure(err)
}

// How often a quiet connection is asked whether it is alive, and how long it has to
// answer.
const (
	quiet     = 3 * time.Second
	aliveTime = 3 * time.Second
)

// Watch implements store.Store.
func (d *DB) Watch(ctx context.Context, f func(store.News)) error {
	if err := d.turns.Enter(); err != nil {
		return err
	}
	defer d.turns.Leave()
	pooled, err := d.pool.Acquire(ctx)
	if err != nil {
		return failure(err)
	}
	conn := pooled.Hijack() // it isn't one for others any more
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := say(ctx, conn, "LISTEN "+channel); err != nil {
		return failure(err)
	}
	f(store.News{Everything: true})
	for {
		message, err := next(ctx, conn)
		if err != nil {
			return failure(err)
		}
		if sender, rest, _ := strings.Cut(message, " "); sender != d.sender {
			f(parse(rest))
		}
	}
}

// next waits for a message.
func next(ctx context.Context, conn *pgx.Conn) (string, error) {
	for {
		waiting, cancel := context.WithTimeout(ctx, quiet)
		n, err := conn.WaitForNotification(waiting)
		cancel()
		if err == nil {
			return n.Payload, nil
		}
		if ctx.Err() != nil || conn.IsClosed() {
			return "", err
		}
		asking, cancel := context.WithTimeout(ctx, aliveTime)
		err = conn.Ping(asking)
		cancel()
		if err != nil {
			return "", err
		}
	}
}

// parse reads a message without its sender. What it doesn't know, from a later
// version, may be anything.
func parse(message string) store.News {
	kind, rest, _ := strings.Cut(message, " ")
	first, second, _ := strings.Cut(rest, " ")
	value, err := hex.DecodeString(first)
	switch {
	case err != nil:
	case kind == newsPosition:
		if event, err := strconv.ParseInt(second, 10, 64); err == nil && event > 0 {
			return store.News{Controller: string(value), Position: event}
		}
	case kind == newsLog:
		if root, err := hex.DecodeString(second); err == nil && len(root) > 0 {
			return store.News{Controller: string(value), Root: string(root)}
		}
	case kind == newsTopic && isTopic(string(value)):
		return store.News{Topic: string(value)}
	case kind == newsCockpit:
		return store.News{Cockpit: string(value)}
	case kind == newsSession && len(value) == 32:
		return store.News{Session: [32]byte(value)}
	}
	return store.News{Everything: true}
}

// isTopic tells whether a text is a topic.
func isTopic(text string) bool {
	return text != "" && len(text) <= 30 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz") == ""
}
