package servers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Ports that no client of this machine takes for a connection, as Linux has it: they begin
// at 32768 there. A server that was killed finds its port free when it starts again.
const firstPort, lastPort = 15000, 32767

// Ports returns n ports of the loopback interface that are free and differ, for servers
// that a test starts and starts again.
func Ports(tb testing.TB, n int) (ports []int) {
	tb.Helper()
	for try := 0; len(ports) < n; try++ {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil && try < 1000 {
			continue
		}
		if err != nil {
			tb.Fatal(err)
		}
		defer l.Close() // when all are known, so that none comes twice
		ports = append(ports, port)
	}
	return ports
}
