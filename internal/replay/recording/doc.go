// Package recording reads and writes Saker's own recordings: the kernel's records of events with what user space knew of each when
// the rules saw it, its process with the ancestors, its container and pod, accounts and names.
//
// A file is a magic number and blocks. A block is a fixed head, then its contents. The first block describes the recording; each other
// one holds events, compressed by zstd, and all that they refer to, so any block can be read by itself: a recorder that is killed loses
// the block that it was filling, a corrupted block costs its own events alone, and the heads are the index by time.
//
//	head      u32 magic, u8 kind, 3 bytes 0, u32 stored and u32 full length of the contents in bytes, u64 time of the first and of the
//	          latest event in ns since the epoch, u32 number of events, u32 CRC-32C of the head with 0 here, and of the stored contents
//	contents  entries: u32 length with this head, a multiple of 8; u8 kind, 3 bytes 0; then the entry
//
// All numbers are little endian. What events refer to is CBOR, with texts as byte strings, because the kernel's texts are bytes.
package recording

import (
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/fxamacker/cbor/v2"
)

// magic begins a file. As in PNG, it shows what a transfer as text would change.
const magic = "\x89SAKER\r\n"

// Limits of a file, in bytes: of a block's contents, stored or not, and of one entry.
const (
	blockBytes  = 2 << 20
	maxContents = 2 * blockBytes
	maxEntry    = 1 << 20
)

// headBytes is the length of a block's head, entryHead that of an entry's.
const (
	headBytes  = 40
	blockMagic = 0x4b4c4253 // "SBLK"
	entryHead  = 8
	eventHead  = 40 // entryHead with it
)

// Kinds of blocks.
const (
	blockHeader = 1 + iota
	blockEvents
)

// Kinds of entries. The n-th entry of a kind has the number n, from 1 on, by which events refer to it.
const (
	entryProcess = 1 + iota
	entryPlace
	entryClock
	entryHosts
	entryEvent
)

// Header describes a recording.
type Header struct {
	// Format is the version of the file's form, Schema what its records mean (decode.Schema).
	Format int
	Schema string
	// Arch is the machine's architecture in Go's words; numbers of system calls and flags of opens depend on it.
	Arch string
	// Version is that of the recorder, Kernel the kernel's release, Filter the condition of the events, empty for all.
	Version, Hostname, Kernel, Filter string
	// Started is ns since the epoch.
	Started int64
}

// formatVersion is the newest version of the form that this package knows, and the one that it writes.
const formatVersion = 1

// Error is what is wrong with a recording, and where.
type Error struct {
	// Offset is that of the block, in bytes.
	Offset int64
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("read the recording at byte %d: %v", e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Causes of an [Error].
var (
	// ErrCut: the file ends within a block, as after the recorder was killed. All before it was read.
	ErrCut = errors.New("the file ends within a block; all before it was read")
	// ErrCorrupt: a block is not as it was written.
	ErrCorrupt = errors.New("the block is corrupted")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encoding writes texts as byte strings.
func encoding() (cbor.EncMode, error) {
	return cbor.EncOptions{String: cbor.StringToByteString}.EncMode()
}

// decoding bounds what a hostile entry may make of few bytes.
func decoding() (cbor.DecMode, error) {
	return cbor.DecOptions{
		ByteStringToString: cbor.ByteStringToStringAllowed, MaxNestedLevels: 16, MaxArrayElements: 1 << 16, MaxMapPairs: 1 << 16,
	}.DecMode()
}
