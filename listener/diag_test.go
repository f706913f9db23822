package listener

import (
	"encoding/binary"
	"testing"
)

func FuzzParseConnection(f *testing.F) {
	m := make([]byte, inetDiagMsgSize, inetDiagMsgSize+12)
	binary.NativeEndian.PutUint32(m[offsetMsgInode:], 4711)
	m = append(m, 12, 0, inetDiagInfo, 0, 1, 2, 3, 4, 5, 6, 7, 8)
	f.Add(m)
	f.Add(m[:inetDiagMsgSize])
	f.Add(m[:10])
	f.Fuzz(func(t *testing.T, m []byte) {
		c, err := parseConnection(m)
		if err == nil && c.inode != binary.NativeEndian.Uint32(m[68:]) {
			t.Errorf("inode %d", c.inode)
		}
	})
}
