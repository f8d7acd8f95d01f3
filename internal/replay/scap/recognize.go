package scap

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	sectionBytes = "\n\r\r\n"
	orderMagic   = 0x1A2B3C4D
	// swappedMagic is what a machine of the other byte order wrote.
	swappedMagic = 0x4D3C2B1A
)

// signatures has the first bytes of files that may be given instead of a capture, and what they are.
var signatures = [...]struct{ bytes, what string }{
	{"\x89SAKER\r\n", "is a recording of Saker's own; replay it as it is"},
	{"\x28\xb5\x2f\xfd", "is compressed with zstd; unpack it first"},
	{"\xfd7zXZ\x00", "is compressed with xz; unpack it first"},
	{"BZh", "is compressed with bzip2; unpack it first"},
	{"\x04\x22\x4d\x18", "is compressed with lz4; unpack it first"},
	{"PK\x03\x04", "is a zip archive; unpack it first"},
	{"\x1f\x8b", "is compressed twice; unpack it once"},
	{"\xd4\xc3\xb2\xa1", packets}, {"\xa1\xb2\xc3\xd4", packets}, {"\x4d\x3c\xb2\xa1", packets}, {"\xa1\xb2\x3c\x4d", packets},
	{"\x7fELF", "is a program"},
}

const packets = "has packets of a network (pcap) and no system calls; tcpdump opens it"

// recognize returns an error that says what a file is instead of a capture, nil if it begins as one.
func recognize(first []byte, packed bool) error {
	subject := "it"
	if packed {
		subject = "what is in the gzip"
	}
	if len(first) == 0 {
		return fmt.Errorf("%w: %s is empty", ErrFormat, subject)
	}
	if strings.HasPrefix(string(first), sectionBytes) || strings.HasPrefix(sectionBytes, string(first)) {
		return nil
	}
	for _, signature := range signatures {
		if strings.HasPrefix(string(first), signature.bytes) {
			return fmt.Errorf("%w: %s %s", ErrFormat, subject, signature.what)
		}
	}
	if isText(first) {
		return fmt.Errorf("%w: %s is a text, no capture (.scap)", ErrFormat, subject)
	}
	return fmt.Errorf("%w: %s is no capture (.scap), which begins with the bytes 0a 0d 0d 0a", ErrFormat, subject)
}

// isText says whether bytes are printable. The last letter may be cut.
func isText(first []byte) bool {
	for len(first) > 0 {
		letter, size := utf8.DecodeRune(first)
		if letter == utf8.RuneError && utf8.FullRune(first) || letter < ' ' && !strings.ContainsRune("\t\r\n", letter) {
			return false
		}
		first = first[size:]
	}
	return true
}

// checkSection checks the header of a section behind type and length.
func checkSection(head []byte) error {
	switch magic := binary.LittleEndian.Uint32(head); magic {
	case orderMagic:
	case swappedMagic:
		return fmt.Errorf("%w: it was recorded on a big-endian machine; captures of little-endian machines are read", ErrFormat)
	default:
		return damaged("the header of the section has the magic number %#x, not %#x", magic, orderMagic)
	}
	if major := binary.LittleEndian.Uint16(head[4:]); major > majorVersion {
		return fmt.Errorf("%w: it has version %d of the format, %d is known; a newer release may read it", ErrFormat, major, majorVersion)
	}
	return nil
}
