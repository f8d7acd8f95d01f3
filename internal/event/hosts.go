package event

import "net/netip"

// Hosts are the host names that rules name, by the addresses that they have at the moment. A map does not change once it was handed on.
type Hosts map[netip.Addr][]string
