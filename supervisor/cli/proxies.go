package cli

import (
	"fmt"
	"net/netip"
)

// trustUnix stands for the clients on unix sockets, who have no address.
const trustUnix = "unix"

const proxiesRemedy = "want a network like 10.0.0.0/8 or fd00::/8, an address, or unix"

// ParseProxies reads a network in CIDR notation; an address alone is a network
// of one. IPv4 written as IPv6 becomes IPv4, and so it is compared. An address
// with bits behind the length of its network is an error: whether the one host
// or the whole network is to be trusted cannot be told.
func ParseProxies(s string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		address, err := netip.ParseAddr(s)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, notProxies(s)
		}
		prefix = netip.PrefixFrom(address, address.BitLen())
	}
	if address := prefix.Addr(); address.Is4In6() {
		if prefix.Bits() < 96 { // the 96 bits that mark it
			return netip.Prefix{}, notProxies(s)
		}
		prefix = netip.PrefixFrom(address.Unmap(), prefix.Bits()-96)
	}
	if prefix != prefix.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q is an address in a network: want %s for all of it, or %s alone", s, prefix.Masked(), prefix.Addr())
	}
	return prefix, nil
}

func notProxies(s string) error {
	return fmt.Errorf("%q is not a network (%s)", s, proxiesRemedy)
}
