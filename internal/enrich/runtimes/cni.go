package runtimes

import (
	"encoding/json"
	"strings"
)

// maxCNIBytes bounds the network plugin's result. A longer one is left out: half of a JSON text is of no use.
const maxCNIBytes = 4096

// cniText is what is shown of a network plugin's result: the addresses of each interface, but for the loopback and the
// host's ends of the pairs.
func cniText(interfaces map[string]cniInterface) string {
	shown := map[string]cniInterface{}
	for name, i := range interfaces {
		if name != "lo" && !strings.HasPrefix(name, "veth") {
			shown[name] = i
		}
	}
	if len(shown) == 0 {
		return ""
	}
	text, err := json.Marshal(shown) // in the order of the names
	if err != nil || len(text) > maxCNIBytes {
		return ""
	}
	return string(text)
}

// cniInterface is the part of go-cni's Config that is shown. The CRI plugin of containerd keeps it under these names.
type cniInterface struct {
	IPConfigs []cniAddress
}

type cniAddress struct {
	IP, Gateway string `json:",omitempty"`
}
