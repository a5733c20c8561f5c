package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn/examples/places"
)

const password = "correct horse battery"

// build builds the program.
func build(t *testing.T) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "signin")
	if out, err := exec.Command("go", "build", "-o", exe, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return exe
}

// A program is one that runs, in a folder of the test's.
type program struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.Writer
	out   io.Reader
	shown string // since the last expect
}

func start(t *testing.T, exe, dir string, args ...string) *program {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	p := &program{t: t, cmd: exec.CommandContext(ctx, exe, args...)}
	p.cmd.Dir = dir
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if p.out, err = p.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = p.cmd.Wait()
	})
	return p
}

func (p *program) enter(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

// expect reads what is shown until it has the pattern, and returns the
// pattern's last group.
func (p *program) expect(pattern string) string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	for buf := make([]byte, 4096); ; {
		if at := re.FindStringSubmatchIndex(p.shown); at != nil {
			last := p.shown[at[len(at)-2]:at[len(at)-1]]
			p.shown = p.shown[at[1]:]
			return last
		}
		n, err := p.out.Read(buf)
		if p.shown += string(buf[:n]); err != nil && n == 0 {
			p.t.Fatalf("no %s in what is shown: %v\n%s", pattern, err, p.shown)
		}
	}
}

// kill ends the program as a power cut would.
func (p *program) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	if _ = p.cmd.Wait(); p.cmd.ProcessState.String() != "signal: killed" {
		p.t.Fatalf("the program ended by itself: %v", p.cmd.ProcessState)
	}
}

// TestProgram runs the program itself.
func TestProgram(t *testing.T) {
	exe := build(t)
	t.Run("resume", func(t *testing.T) { testResume(t, exe) })
	t.Run("refused", func(t *testing.T) { testRefused(t, exe) })
}

// testResume kills the program in each state of both ways to sign in; started
// again with the token, it goes on from there.
func testResume(t *testing.T, exe string) {
	for store, place := range places.Durable {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			name, dir := place(t), t.TempDir()
			for user, walk := range map[string][2]string{
				"ada":   {"MFA_REQUIRED", "challenge"},
				"grace": {"MFA_ENROLL", "enroll"},
			} {
				p := start(t, exe, dir, "-store", name, "-user", user)
				p.expect("Password")
				p.enter(password)
				token := p.expect(`-resume (\S{64})\n`)
				p.expect("── " + walk[0] + " ")
				p.kill()

				resume := []string{"-store", name, "-resume", token}
				p = start(t, exe, dir, resume...)
				p.expect("The sign-in of " + user + " goes on")
				p.expect("── " + walk[0] + " ")
				p.enter(walk[1])
				code := p.expect(`Your code is (\d{6})`)
				p.expect("next: ")
				p.enter(other(code))
				p.expect("That was not the code")
				p.expect("4 tries left")
				p.kill()

				p = start(t, exe, dir, resume...)
				p.expect("4 tries left")
				p.enter(code)
				p.expect(user + " is signed in with pwd and otp")
				if err := p.cmd.Wait(); err != nil {
					t.Error(err)
				}
				refused(t, exe, dir, "-resume: the sign-in has ended", resume...)
			}
		})
	}
}

func other(code string) string { return string('0'+(code[0]-'0'+1)%10) + code[1:] }

// refused runs the program to its end, which must be an error with these words.
func refused(t *testing.T, exe, dir, want string, args ...string) {
	t.Helper()
	cmd := exec.Command(exe, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
		t.Errorf("%v: %v, not %q:\n%s", args, err, want, out)
	}
}

// What cannot work is said in words that help.
func testRefused(t *testing.T, exe string) {
	dir := t.TempDir()
	token := strings.Repeat("A", 64)
	refused(t, exe, dir, "none of memory, sqlite:FILE, postgres://…, mysql://… and redis://…", "-store", "demo.db")
	refused(t, exe, dir, "want postgres://USER:PASSWORD@HOST:PORT/DATABASE", "-store", "postgres://")
	refused(t, exe, dir, "-store: ", "-store", "postgres://u:p@127.0.0.1:1/db")
	refused(t, exe, dir, "name the -store that the sign-in is in", "-store", "memory", "-resume", token)

	// What is not there is not made: another store, and keys of another one.
	refused(t, exe, dir, "begin again without -resume", "-store", "sqlite:demo.db", "-resume", token)
	refused(t, exe, dir, "begin again without -resume", "-store", "sqlite:demo.db", "-keys", "other.keys", "-resume", token)
	if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
		t.Errorf("a failed -resume has made %v, %v", made, err)
	}

	refused(t, exe, dir, "EOF", "-store", "sqlite:demo.db") // begins, and nobody types
	refused(t, exe, dir, "begin again without -resume", "-store", "sqlite:demo.db", "-resume", token)
	refused(t, exe, dir, "begin again without -resume", "-store", "sqlite:demo.db", "-resume", "no token at all")
	refused(t, exe, dir, "begin again without -resume", "-store", "sqlite:demo.db", "-keys", "other.keys", "-resume", token)
	if _, err := os.Stat(filepath.Join(dir, "other.keys")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a failed -resume has made keys: %v", err)
	}
	if err := os.Chmod(filepath.Join(dir, "demo.db.keys"), 0o644); err != nil {
		t.Fatal(err)
	}
	refused(t, exe, dir, "-keys: ", "-store", "sqlite:demo.db")
}
