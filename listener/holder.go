package listener

import (
	"fmt"
	"strings"

	"github.com/shirou/gopsutil/v3/net"
	"github.com/shirou/gopsutil/v3/process"
)

// Holder says which process listens where a would, like `python3 (process
// 1234)`; it is empty if that cannot be told, as for a process of another user.
func Holder(a Address) string {
	kind := "tcp"
	if a.Family == Unix {
		kind = "unix"
	}
	connections, err := net.Connections(kind)
	if err != nil {
		return ""
	}
	for _, c := range connections {
		if c.Pid == 0 || !holds(c, a) {
			continue
		}
		p := process.Process{Pid: c.Pid}
		command, err := p.Cmdline()
		if err != nil || command == "" {
			return fmt.Sprintf("process %d", c.Pid)
		}
		if len(command) > 60 {
			command = strings.ToValidUTF8(command[:60], "") + "..."
		}
		return fmt.Sprintf("process %d (%s)", c.Pid, command)
	}
	return ""
}

func holds(c net.ConnectionStat, a Address) bool {
	if a.Family == Unix {
		return c.Laddr.IP == a.Path
	}
	if c.Status != "LISTEN" || c.Laddr.Port != uint32(a.Port) {
		return false
	}
	wildcard := c.Laddr.IP == "0.0.0.0" || c.Laddr.IP == "::" || c.Laddr.IP == "*"
	return wildcard || a.Wildcard() || c.Laddr.IP == a.IP.Unmap().WithZone("").String()
}
