package scap

import (
	"encoding/binary"

	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// The header of an event: time, thread, length, code; from version 2 on the number of parameters too.
const (
	eventHeader1 = 22
	eventHeader2 = 26
)

// read reads an event from the body of its block, in memory. The parameters alias it. It is not known if the schema lacks its code.
func (e *Event) read(block []byte, form layout) (known bool, err error) {
	before, header := 2, eventHeader2
	if form.flags {
		before += 4
	}
	if form.version == 1 {
		header = eventHeader1
	}
	if len(block) < before+header {
		return false, damaged("an event has %d bytes, %d at least", len(block), before+header)
	}
	e.CPU, e.Flags = binary.LittleEndian.Uint16(block), 0
	if form.flags {
		e.Flags = binary.LittleEndian.Uint32(block[2:])
	}
	block = block[before:]
	e.Time = binary.LittleEndian.Uint64(block)
	e.Tid = int64(binary.LittleEndian.Uint64(block[8:]))
	length := binary.LittleEndian.Uint32(block[16:])
	e.Code = binary.LittleEndian.Uint16(block[20:])
	kind := schema.Lookup(e.Code)
	if kind == nil {
		return false, nil
	}
	if form.version == 1 && (e.Code == schema.NotificationE || e.Code == schema.InfrastructureEventE) && length >= 3 {
		// Their recorders counted three bytes too many.
		length -= 3
	}
	if int64(length) < int64(header) || int64(length) > int64(len(block)) {
		return false, damaged("the event says that it has %d bytes, where its block has %d", length, len(block))
	}
	data := block[header:length]
	if form.version == 1 {
		return true, e.countParams(data, kind)
	}
	count := binary.LittleEndian.Uint32(block[22:])
	if count > MaxParams {
		return false, damaged("the event %s has %d parameters, %d at most", kind.Name, count, MaxParams)
	}
	if e.split(data, int(count), sizeOfLength(kind)) < 0 {
		return false, damaged("the parameters of the event %s are longer than its %d bytes", kind.Name, length)
	}
	return true, nil
}

func sizeOfLength(kind *schema.Event) int {
	if kind.Flags&schema.LargePayload != 0 {
		return 4
	}
	return 2
}

// countParams splits the data of an event that does not say how many parameters it has: as many as fill the data, at most those that the
// schema has today.
func (e *Event) countParams(data []byte, kind *schema.Event) error {
	for count := len(kind.Params); count >= 0; count-- {
		switch left := e.split(data, count, 2); {
		case left == 0:
			return nil
		case left > 0:
			return damaged("no number of parameters of the event %s fills its %d bytes", kind.Name, len(data))
		}
	}
	return damaged("no number of parameters of the event %s fits its %d bytes", kind.Name, len(data))
}

// split makes count parameters of data, which begins with their lengths of 2 or 4 bytes each. It returns how many bytes are left,
// negative if there are too few.
func (e *Event) split(data []byte, count, size int) int {
	e.Params = e.Params[:0]
	if len(data) < count*size {
		return -1
	}
	lengths, values := data[:count*size], data[count*size:]
	for i := range count {
		length := int64(0)
		if size == 2 {
			length = int64(binary.LittleEndian.Uint16(lengths[2*i:]))
		} else {
			length = int64(binary.LittleEndian.Uint32(lengths[4*i:]))
		}
		if length > int64(len(values)) {
			return -1
		}
		e.Params = append(e.Params, values[:length:length])
		values = values[length:]
	}
	return len(values)
}
