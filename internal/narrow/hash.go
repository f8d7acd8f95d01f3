package narrow

import (
	"encoding/binary"
	"strings"

	"github.com/saker-sensor/saker/internal/bpfgen"
)

// bpf/helpers/narrow/hash.h says the same.
const (
	hashStart  = 0xcbf29ce484222325
	hashFactor = 0x9e3779b97f4a7c15
)

// hashWord adds a word to a hash of words.
func hashWord(hash, word uint64) uint64 {
	hash = (hash ^ word) * hashFactor
	return hash ^ hash>>32
}

// hashComponent hashes a component of a name by words of eight bytes, of which the last one is filled with zeros.
func hashComponent(text string) uint64 {
	hash := uint64(hashStart)
	for {
		var word [8]byte
		n := copy(word[:], text)
		hash = hashWord(hash, binary.LittleEndian.Uint64(word[:]))
		if n < len(word) {
			return hash
		}
		text = text[n:]
	}
}

// hashName hashes an absolute name in its normal form by its components.
func hashName(name string) uint64 {
	hash := uint64(hashStart)
	for c := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if c != "" {
			hash = hashWord(hash, hashComponent(c))
		}
	}
	return hash
}

// hashPart is the key of a part of a name in the table of masks.
func hashPart(kind bpfgen.SensorNamePart, text string) uint64 {
	hash := uint64(0)
	switch kind {
	case bpfgen.SensorNamePartNAME_HEAD, bpfgen.SensorNamePartNAME_TAIL:
		var word [4]byte
		copy(word[:], text)
		hash = uint64(binary.LittleEndian.Uint32(word[:]))
	case bpfgen.SensorNamePartNAME_COMPONENT, bpfgen.SensorNamePartNAME_LAST:
		hash = hashComponent(text)
	default:
		hash = hashName(text)
	}
	return hash ^ uint64(kind)*hashStart
}
