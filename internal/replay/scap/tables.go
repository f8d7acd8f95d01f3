package scap

import (
	"bytes"
	"net/netip"
)

// machineBlock is the number of bytes of the machine's fields up to the host name, all that the oldest captures have.
const machineBlock = 4 + 8 + 8 + 128

// read reads the machine's block, and passes over the fields that have no use.
func (m *Machine) read(block *body) {
	if block.left() < machineBlock {
		block.err = damaged("the block of the machine has %d bytes, %d at least", block.left(), machineBlock)
		return
	}
	*m = Machine{CPUs: block.u32(), Memory: block.u64(), MaxPid: block.u64()}
	name, _, _ := bytes.Cut(block.raw(128), []byte{0})
	m.Hostname = string(name)
	if block.left() >= 8 {
		m.BootTime = block.u64()
	}
	block.finish()
}

// read reads an entry of a list of interfaces of a version, 1 or 2. A length before an entry does not count itself.
func (i *Interface) read(block *body, version uint8) {
	entry := *block
	if version >= 2 {
		length := int64(entry.u32())
		if entry.err == nil && length > entry.left() {
			entry.err = damaged("an interface says that it has %d bytes, where its block has %d", length, entry.left())
		}
		entry.end = entry.stream.offset + length
	}
	// Kinds 1 and 2 are IPv4 and IPv6, 3 and 4 the same without the speed of the link.
	kind, length := entry.u16(), int(entry.u16())
	size := 4
	switch {
	case entry.err != nil:
	case kind < 1 || kind > 4:
		entry.err = damaged("an interface has the unknown kind %d", kind)
	case kind%2 == 0:
		size = 16
	}
	*i = Interface{Address: entry.address(size), Mask: entry.address(size)}
	// The address for all, and the speed.
	entry.raw(size)
	if kind <= 2 {
		entry.raw(8)
	}
	i.Name = string(bytes.TrimRight(entry.raw(length), "\x00"))
	if version >= 2 {
		entry.finish()
	}
	block.err = entry.err
}

// readAccount reads an entry of a list of users and groups of a version, 1 or 2.
func (r *Record) readAccount(block *body, version uint8) {
	entry := block.sub(version >= 2)
	if entry.u8() == 0 {
		r.Kind = KindUser
		r.User = User{UID: entry.u32(), GID: entry.u32(), Name: entry.text(), Home: entry.text(), Shell: entry.text()}
	} else {
		r.Kind = KindGroup
		r.Group = Group{GID: entry.u32(), Name: entry.text()}
	}
	if version >= 2 {
		entry.finish()
	}
	block.err = entry.err
}

// address reads an address of 4 or 16 bytes.
func (b *body) address(size int) netip.Addr {
	address, _ := netip.AddrFromSlice(b.raw(size))
	return address
}

// finish passes over what an entry has beyond the fields that are known.
func (b *body) finish() {
	if b.err == nil {
		b.err = b.stream.skip(b.left())
	}
}
