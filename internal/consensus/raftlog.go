package consensus

import (
	"errors"
	"fmt"
	"log/slog"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// raftLog writes what the library tells to our log. Its panics are broken
// invariants, and stay panics.
type raftLog struct{ log *slog.Logger }

var _ raft.Logger = raftLog{}

func (l raftLog) Debug(v ...any)            { l.log.Debug(fmt.Sprint(v...)) }
func (l raftLog) Debugf(f string, v ...any) { l.log.Debug(fmt.Sprintf(f, v...)) }

// Info is our debug: the library tells each election in ten lines.
func (l raftLog) Info(v ...any)               { l.log.Debug(fmt.Sprint(v...)) }
func (l raftLog) Infof(f string, v ...any)    { l.log.Debug(fmt.Sprintf(f, v...)) }
func (l raftLog) Warning(v ...any)            { l.log.Warn(fmt.Sprint(v...)) }
func (l raftLog) Warningf(f string, v ...any) { l.log.Warn(fmt.Sprintf(f, v...)) }
func (l raftLog) Error(v ...any)              { l.log.Error(fmt.Sprint(v...)) }
func (l raftLog) Errorf(f string, v ...any)   { l.log.Error(fmt.Sprintf(f, v...)) }
func (l raftLog) Fatal(v ...any)              { panic("raft: " + fmt.Sprint(v...)) }
func (l raftLog) Fatalf(f string, v ...any)   { panic("raft: " + fmt.Sprintf(f, v...)) }
func (l raftLog) Panic(v ...any)              { panic("raft: " + fmt.Sprint(v...)) }
func (l raftLog) Panicf(f string, v ...any)   { panic("raft: " + fmt.Sprintf(f, v...)) }

// failingStorage keeps the first error that the library can't act upon: it
// panics on one, and the core then stops for the reason kept here.
type failingStorage struct {
	storage
	err error
}

func (s *failingStorage) keep(err error) error {
	if err != nil && s.err == nil && !errors.Is(err, raft.ErrCompacted) && !errors.Is(err, raft.ErrUnavailable) &&
		!errors.Is(err, raft.ErrSnapshotTemporarilyUnavailable) {
		s.err = err
	}
	return err
}

func (s *failingStorage) InitialState() (*pb.HardState, *pb.ConfState, error) {
	h, c, err := s.storage.InitialState()
	return h, c, s.keep(err)
}

func (s *failingStorage) Entries(low, high, maxSize uint64) ([]*pb.Entry, error) {
	list, err := s.storage.Entries(low, high, maxSize)
	return list, s.keep(err)
}

func (s *failingStorage) Term(index uint64) (uint64, error) {
	term, err := s.storage.Term(index)
	return term, s.keep(err)
}

func (s *failingStorage) Snapshot() (*pb.Snapshot, error) {
	snap, err := s.storage.Snapshot()
	return snap, s.keep(err)
}
