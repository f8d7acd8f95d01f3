package spool

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Open takes the folder and finds what is there. It may be tried again, and does nothing if the spool is open.
func (s *Spool) Open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	if s.lock != nil {
		return nil
	}
	defer s.show()
	if err := s.open(); err != nil {
		return errors.Join(fmt.Errorf("open the spool %s: %w", s.settings.Dir, err), s.release())
	}
	return nil
}

func (s *Spool) open() (err error) {
	if err = os.MkdirAll(s.settings.Dir, folderMode); err != nil {
		return err
	}
	if s.lock, err = os.OpenFile(s.path("lock"), os.O_CREATE|os.O_RDWR, fileMode); err != nil {
		return err
	}
	if err = unix.Flock(int(s.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("lock it: %w; another process has it", err)
	}
	if s.place, err = openPlace(s.path("position")); err != nil {
		return err
	}
	if s.identity, err = takeIdentity(s.path("identity")); err != nil {
		return err
	}
	if err = s.find(); err != nil {
		return err
	}
	s.counters.Restored = s.last - s.done
	s.last = max(s.last, s.place.number)
	if s.settings.DropOldest {
		return nil
	}
	s.done = max(s.done, s.place.number)
	s.counters.Restored = s.last - s.done
	return s.forget()
}

// find lists the segments and cuts a torn end off the last one.
func (s *Spool) find() error {
	entries, err := os.ReadDir(s.settings.Dir)
	if err != nil {
		return err
	}
	s.segments, s.bytes, s.last, s.done = nil, 0, 0, 0
	for _, e := range entries {
		var first uint64
		if n, _ := fmt.Sscanf(e.Name(), segmentName, &first); n != 1 || e.Name() != nameOf(first) || first == 0 {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		s.segments = append(s.segments, segment{first, info.Size()})
		s.bytes += info.Size()
	}
	slices.SortFunc(s.segments, func(a, b segment) int { return cmp.Compare(a.first, b.first) })
	if len(s.segments) == 0 {
		return nil
	}
	s.done = s.segments[0].first - 1 // what was before is gone
	end := &s.segments[len(s.segments)-1]
	s.last = end.first - 1
	if s.active, err = os.OpenFile(s.path(nameOf(end.first)), os.O_RDWR, fileMode); err != nil {
		return err
	}
	whole, last, err := scan(s.active, end.size)
	if err != nil {
		return err
	}
	s.last = max(s.last, last)
	if whole == end.size {
		return nil
	}
	s.counters.Damaged++
	if err := s.active.Truncate(whole); err != nil {
		return fmt.Errorf("cut off a torn end: %w", err)
	}
	s.bytes -= end.size - whole
	end.size = whole
	return nil
}

// Close saves everything and leaves the folder to others. The spool can't be opened again.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.lock == nil {
		return nil
	}
	var errs []error
	if s.active != nil {
		errs = append(errs, s.active.Sync())
	}
	if err := leaveIdentity(s.path("identity"), s.identity); !errors.Is(err, unix.ENOSPC) { // the next boot takes it for a crash
		errs = append(errs, err)
	}
	errs = append(errs, s.release())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the spool %s: %w", s.settings.Dir, err)
	}
	return nil
}

func (s *Spool) release() error {
	var errs []error
	if s.active != nil {
		errs = append(errs, s.active.Close())
	}
	if s.place != nil {
		errs = append(errs, s.place.file.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	s.active, s.place, s.lock = nil, nil, nil
	return errors.Join(errs...)
}
