package spool

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// place is the file with the number up to which records are done, or used: two slots of number and checksum, written by
// turns, so that a torn one leaves the other. It has its size from the start, so that a full disk does not keep it from changing.
type place struct {
	file   *os.File
	number uint64
	turn   int64
}

const slotBytes = 12

func openPlace(path string) (*place, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return nil, err
	}
	p := &place{file: f}
	if info, err := f.Stat(); err == nil && info.Size() == 0 {
		_, _ = f.WriteAt(make([]byte, 2*slotBytes), 0) // put tries again
	}
	for turn := range int64(2) {
		var slot [slotBytes]byte
		if _, err := f.ReadAt(slot[:], turn*slotBytes); err != nil {
			continue // new, or torn: at worst records are delivered again
		}
		if n := binary.LittleEndian.Uint64(slot[:]); n > p.number && slot == slotOf(n) {
			p.number, p.turn = n, 1-turn
		}
	}
	return p, nil
}

func slotOf(number uint64) (slot [slotBytes]byte) {
	binary.LittleEndian.PutUint64(slot[:], number)
	binary.LittleEndian.PutUint32(slot[8:], checksum(append(make([]byte, 8), slot[:8]...), nil))
	return slot
}

func (p *place) put(number uint64) error {
	if number <= p.number {
		return nil
	}
	slot := slotOf(number)
	if _, err := p.file.WriteAt(slot[:], p.turn*slotBytes); err != nil {
		return fmt.Errorf("note the number of a record: %w", err)
	}
	p.number, p.turn = number, 1-p.turn
	return nil
}

// The identity's file holds the identity and, in a second line, the kernel's boot while a process has the spool, else "closed".
// After a boot without a closing, records that some reader has seen may be missing, and their numbers are used again: then
// the identity is another one.
const closed = "closed"

func takeIdentity(path string) (string, error) {
	now, err := bootID()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	identity, state, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if identity == "" || state != closed && state != now {
		identity = rand.Text()
	}
	if err := writeIdentity(path, identity, now); err != nil && !errors.Is(err, unix.ENOSPC) { // a full disk can be read all the same
		return "", err
	}
	return identity, nil
}

func renameIdentity(path, identity string) error {
	now, err := bootID()
	if err != nil {
		return err
	}
	return writeIdentity(path, identity, now)
}

func bootID() (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the boot's id: %w", err)
	}
	return strings.TrimSpace(string(boot)), nil
}

func leaveIdentity(path, identity string) error { return writeIdentity(path, identity, closed) }

func writeIdentity(path, identity, state string) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(identity + "\n" + state + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	syncFolder(filepath.Dir(path))
	return nil
}

// syncFolder saves the names in a folder from a power cut, where the file system can.
func syncFolder(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
