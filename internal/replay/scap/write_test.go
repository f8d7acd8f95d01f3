package scap

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"

	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// raw is a part of a capture as it is written.
type raw []byte

func (r raw) u8(v uint8) raw          { return append(r, v) }
func (r raw) u16(v uint16) raw        { return binary.LittleEndian.AppendUint16(r, v) }
func (r raw) u32(v uint32) raw        { return binary.LittleEndian.AppendUint32(r, v) }
func (r raw) u64(v uint64) raw        { return binary.LittleEndian.AppendUint64(r, v) }
func (r raw) i64(v int64) raw         { return r.u64(uint64(v)) }
func (r raw) text(v string) raw       { return append(r.u16(uint16(len(v))), v...) }
func (r raw) add(parts ...[]byte) raw { return append(r, bytes.Join(parts, nil)...) }

// block frames a body, padded to 4 bytes.
func block(number uint32, body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	length := uint32(len(body) + blockFrame)
	return raw{}.u32(number).u32(length).add(body).u32(length)
}

// section is the header of a section with these options.
func section(options ...byte) []byte {
	return block(sectionType, raw{}.u32(orderMagic).u16(1).u16(2).i64(-1).add(options))
}

// sized puts an entry's own length before it, which counts itself.
func sized(entry []byte) []byte { return raw{}.u32(uint32(len(entry) + 4)).add(entry) }

// eventBlock writes an event in a form that layoutOf knows.
func eventBlock(number uint32, ev *Event) []byte {
	form := layoutOf(number)
	head := raw{}.u16(ev.CPU)
	if form.flags {
		head = head.u32(ev.Flags)
	}
	var lengths, data raw
	for _, param := range ev.Params {
		if schema.Lookup(ev.Code).Flags&schema.LargePayload != 0 {
			lengths = lengths.u32(uint32(len(param)))
		} else {
			lengths = lengths.u16(uint16(len(param)))
		}
		data = data.add(param)
	}
	header := eventHeader1
	if form.version == 2 {
		header = eventHeader2
	}
	head = head.u64(ev.Time).i64(ev.Tid).u32(uint32(header + len(lengths) + len(data))).u16(ev.Code)
	if form.version == 2 {
		head = head.u32(uint32(len(ev.Params)))
	}
	return block(number, head.add(lengths, data))
}

// zipped compresses a file, each part as a member of its own.
func zipped(parts ...[]byte) []byte {
	var out bytes.Buffer
	for _, part := range parts {
		packer := gzip.NewWriter(&out)
		if _, err := packer.Write(part); err != nil {
			panic(err)
		}
		if err := packer.Close(); err != nil {
			panic(err)
		}
	}
	return out.Bytes()
}

// unzipped is the reverse, and returns a plain file as it is.
func unzipped(data []byte) []byte {
	unpacker, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return data
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(unpacker); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// clone copies a record with all that is reused.
func clone(r *Record) Record {
	out := *r
	out.Event.Params = nil
	for _, param := range r.Event.Params {
		out.Event.Params = append(out.Event.Params, bytes.Clone(param))
	}
	return out
}
