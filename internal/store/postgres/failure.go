package postgres

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/signet-scheduler/signet/internal/fault"
)

// failure makes a fault of what PostgreSQL, or the way to it, reports.
func failure(err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return reported(err, e)
	}
	var connecting *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.As(err, &connecting):
		return unreachable(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(fault.Timeout, "DatabaseTimeout", err, "the database was not waited for any longer")
	case errors.Is(err, pgconn.ErrConnClosed), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.As(err, &network):
		return unreachable(err)
	}
	return fault.Wrap(fault.Internal, "DatabaseFailed", err, "the database failed")
}

func unreachable(err error) error {
	return fault.Wrap(fault.Unavailable, "DatabaseUnreachable", err, "the database can't be reached")
}

// reported makes a fault of an error with a code (SQLSTATE), first by the code, then by
// its class.
func reported(err error, e *pgconn.PgError) error {
	switch e.Code {
	case "53100":
		return fault.Wrap(fault.NoSpace, "NoSpace", err, "the disk with the database is full")
	case "53300", "55P03", "40001", "40P01":
		return fault.Wrap(fault.Unavailable, "DatabaseBusy", err, "the database is busy; try again")
	case "57014":
		return fault.Wrap(fault.Timeout, "DatabaseTimeout", err, "the database took too long")
	case "25006":
		return fault.Wrap(fault.Unavailable, "DatabaseReadOnly", err, "the database can only be read: is its server a standby?")
	case "25P02":
		return fault.Wrap(fault.Internal, "DatabaseFailed", err, "the database failed: the transaction had ended with an error before")
	case "42501":
		return fault.Wrap(fault.Unavailable, "DatabaseForbidden", err, "the database's user may not do this: make it the owner of the database and its tables")
	case "3D000":
		return fault.Wrap(fault.Unavailable, "UnknownDatabase", err, "the server has no database of that name: make it first (CREATE DATABASE)")
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08", "57", "58", "53", "25":
		return unreachable(err)
	case "28":
		return fault.Wrap(fault.Unavailable, "DatabaseLogin", err, "the database's server refuses user or password")
	case "23":
		return fault.Wrap(fault.Conflict, "DuplicateRow", err, "it exists already")
	case "XX":
		return fault.Wrap(fault.Corrupt, "DatabaseCorrupt", err, "the database's server reports that its data is damaged: see its log, and restore a backup")
	}
	return fault.Wrap(fault.Internal, "DatabaseFailed", err, "the database failed")
}
