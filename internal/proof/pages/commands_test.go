package pages

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// A command is a line on a page, and the function that tests it.
type command struct {
	line string
	run  func(*reader)
}

// commands lists all commands on the pages, in the order in which a reader meets
// them. Commands that would run these tests again are run by the CI script.
var commands = []command{
	{"go mod init example.com/signin", func(r *reader) { r.out(r.module, "") }},
	{"go get github.com/authnfsm/authn", (*reader).get},
	{"go run .", (*reader).program},
	{"go run ./examples/signin", (*reader).terminal},
	{"go run ./examples/idp", (*reader).provider},
	{"go run ./examples/hosting", (*reader).host},
	{"curl -c jar -b jar -d name=ada -d 'password=correct horse battery' http://127.0.0.1:8081/signin", (*reader).byHost},
	{"curl -c jar -b jar -d factor=mail http://127.0.0.1:8081/signin/challenge", (*reader).byHost},
	{"curl -c jar -b jar -d code=CODE http://127.0.0.1:8081/signin/verify", (*reader).byHost},
	{"go run ./cmd/authn-diagram -format svg -view overview -o overview.svg", (*reader).picture},
	{"openssl rand -base64 32", (*reader).key},
	{"go run ./internal/regen", (*reader).inCI},
	{"go test work", (*reader).inCI},
	{"./check.sh", (*reader).inCI},
	{"e2e/run.sh", (*reader).inCI},
	{"go run ./internal/mutants", (*reader).inCI},
	{"go run ./bench -quick", (*reader).inCI},
	{"go run ./bench", (*reader).usage},
}

// A reader runs the commands of the pages, at the root or in a new module.
type reader struct {
	*testing.T
	line   string
	module string   // directory of the new module
	env    []string // environment there
}

var inline = regexp.MustCompile("`((?:go [a-z]+ |\\./|e2e/)[^`]*)`")

func TestPagesCommands(t *testing.T) {
	told := lined(t)
	for _, text := range pages(t) {
		for _, m := range inline.FindAllStringSubmatch(text, -1) {
			told = append(told, m[1])
		}
	}
	for _, line := range told {
		if !slices.ContainsFunc(commands, func(c command) bool { return c.line == line }) {
			t.Errorf("no test runs %q, which is on a page", line)
		}
	}
	if testing.Short() || raceDetector() {
		t.Skip("skipped by -race and -short: it builds every module in other processes")
	}
	module, env := t.TempDir(), proxied(t)
	for _, c := range commands {
		if !slices.Contains(told, c.line) {
			t.Errorf("no page has the command %q", c.line)
		}
		t.Run(c.line, func(t *testing.T) { c.run(&reader{T: t, line: c.line, module: module, env: env}) })
	}
}

// lined returns the commands in code blocks, page by page.
func lined(t *testing.T) (lines []string) {
	t.Helper()
	for _, b := range blocks(t, "sh") {
		lines = append(lines, strings.Split(strings.TrimSpace(b.text), "\n")...)
	}
	return lines
}

// command returns the line as a command in dir.
func (r *reader) command(dir string, more ...string) *exec.Cmd {
	words := append(strings.Fields(r.line), more...)
	cmd := exec.CommandContext(r.Context(), words[0], words[1:]...)
	cmd.Dir = dir
	if dir == r.module {
		cmd.Env = r.env
	}
	return cmd
}

// out runs the line and returns its output.
func (r *reader) out(dir, stdin string, more ...string) string {
	r.Helper()
	cmd := r.command(dir, more...)
	cmd.Stdin = strings.NewReader(stdin)
	b, err := cmd.CombinedOutput()
	if err != nil {
		r.Fatalf("%v\n%s", err, b)
	}
	return string(b)
}

// get gets the current module from a proxy in a directory, and its requirements
// from the module cache of these tests.
func (r *reader) get() {
	r.out(r.module, "")
	if mod := read(r.T, filepath.Join(r.module, "go.mod")); !strings.Contains(mod, "looplab/fsm") || strings.Contains(mod, "rapid") {
		r.Errorf("a host's go.mod is\n%s", mod)
	}
}

// proxied returns an environment in which this directory is the latest release.
func proxied(t *testing.T) []string {
	t.Helper()
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	proxy := t.TempDir()
	publish(t, filepath.Join(proxy, "github.com/authnfsm/authn/@v"))
	return append(os.Environ(), "GOWORK=", "GOSUMDB=off", "GOFLAGS=-modcacherw", "GOMODCACHE="+t.TempDir(),
		"GOPROXY=file://"+proxy+",file://"+strings.TrimSpace(string(cache))+"/cache/download")
}

// publish writes a release as a module proxy does: without nested modules.
func publish(t *testing.T, dir string) {
	t.Helper()
	const version = "v0.0.1"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	visitFiles(t, func(path string) {
		w, err := z.Create("github.com/authnfsm/authn@" + version + "/" + filepath.ToSlash(path))
		if err == nil {
			_, err = io.WriteString(w, read(t, path))
		}
		if err != nil {
			t.Fatal(err)
		}
	}, func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		return dir == "." || err != nil
	})
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"list": version + "\n", version + ".info": `{"Version":"` + version + `"}`, version + ".mod": read(t, "go.mod"), version + ".zip": b.String(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// program runs the program of the README.
func (r *reader) program() {
	for _, b := range blocks(r.T, "go") {
		if b.from != program {
			continue
		}
		if err := os.WriteFile(filepath.Join(r.module, "main.go"), []byte(b.text), 0o600); err != nil {
			r.Fatal(err)
		}
		_, want, _ := strings.Cut(b.text, "\t// Output:\n")
		want = strings.TrimSuffix(strings.ReplaceAll(want, "\t// ", ""), "}\n")
		if got := r.out(r.module, ""); got != want || got == "" {
			r.Errorf("got\n%s\nwant\n%s", got, want)
		}
		return
	}
	r.Error("the README has no program")
}

// terminal types the password and then the code of the mail.
func (r *reader) terminal() {
	cmd := r.command(".")
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil || cmd.Start() != nil {
		r.Fatal(err1, err2, "or it does not start")
	}
	io.WriteString(stdin, "correct horse battery\nchallenge mail\n")
	code := regexp.MustCompile(`Your code is (\d{6})`)
	var seen strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		seen.WriteString(lines.Text() + "\n")
		if m := code.FindStringSubmatch(lines.Text()); m != nil {
			io.WriteString(stdin, m[1]+"\n")
			stdin.Close()
		}
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(seen.String(), "SUCCESS") {
		r.Errorf("%v\n%s", err, seen.String())
	}
}

// started builds a server and starts it on a free port. It does not use "go run",
// whose child would not end with it. It returns the server's URL and its further
// output.
func (r *reader) started() (url string, lines *bufio.Scanner) {
	r.Helper()
	bin := filepath.Join(r.TempDir(), "program")
	if b, err := exec.CommandContext(r.Context(), "go", "build", "-o", bin, strings.Fields(r.line)[2]).CombinedOutput(); err != nil {
		r.Fatalf("%v\n%s", err, b)
	}
	cmd := exec.Command(bin, "-addr", "127.0.0.1:0")
	stdout, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		r.Fatal(err, "or it does not start")
	}
	late := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	r.Cleanup(func() {
		late.Stop()
		cmd.Process.Kill()
		cmd.Wait()
	})
	for lines = bufio.NewScanner(stdout); url == "" && lines.Scan(); {
		url = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(lines.Text())
	}
	return url, lines
}

// provider starts the identity provider, which serves a page that asks for a
// password.
func (r *reader) provider() {
	url, _ := r.started()
	resp, err := http.Get(url)
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || !strings.Contains(string(b), "password") {
		r.Errorf("%d %v\n%s", resp.StatusCode, err, b)
	}
}

// host starts the host and runs the next commands of the page, which sign in.
func (r *reader) host() {
	if _, err := exec.LookPath("curl"); err != nil && os.Getenv("AUTHN_TEST_TOOLS") != "required" {
		r.Skip("install curl")
	}
	url, lines := r.started()
	dir, code := r.TempDir(), ""
	states := []string{"MFA_REQUIRED", "MFA_CHALLENGE", "SUCCESS"}
	for _, line := range lined(r.T) {
		if !strings.HasPrefix(line, "curl ") {
			continue
		}
		if strings.Contains(line, "CODE") {
			lines.Scan()
			code = lines.Text()[strings.LastIndex(lines.Text(), " ")+1:]
		}
		cmd := exec.CommandContext(r.Context(), "sh", "-c", strings.NewReplacer("http://127.0.0.1:8081", url, "CODE", code).Replace(line))
		cmd.Dir = dir
		b, err := cmd.Output()
		if len(states) == 0 || err != nil || !strings.Contains(string(b), `"state":"`+states[0]+`"`) {
			r.Fatalf("%s: %v\n%s", line, err, b)
		}
		states = states[1:]
	}
	if lines.Scan(); len(states) > 0 || lines.Text() != "a session for u1 [pwd otp]" {
		r.Errorf("last line %q, missing %q", lines.Text(), states)
	}
}

// byHost does nothing: host runs the line, because it needs the running program.
func (r *reader) byHost() {}

func (r *reader) picture() {
	name := filepath.Join(r.TempDir(), "overview.svg")
	r.line = strings.Replace(r.line, "overview.svg", name, 1)
	r.out(".", "")
	if read(r.T, name) != read(r.T, "docs/img/overview.svg") {
		r.Error("the drawing differs from the one on the pages")
	}
}

func (r *reader) key() {
	if _, err := exec.LookPath("openssl"); err != nil && os.Getenv("AUTHN_TEST_TOOLS") != "required" {
		r.Skip("install openssl")
	}
	if b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(r.out(".", ""))); err != nil || len(b) != 32 {
		r.Errorf("%d bytes, %v", len(b), err)
	}
}

// visitFiles visits the files of directories that want selects.
func visitFiles(t *testing.T, visit func(path string), want func(dir string) bool) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || !want(path)):
			return fs.SkipDir
		case d.Type().IsRegular() && d.Name() != ".git":
			visit(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// usage runs the program with -h only, because a full run takes minutes on an idle
// machine. The CI script runs it with -quick.
func (r *reader) usage() {
	if got := r.out(".", "", "-h"); !strings.Contains(got, "Usage: "+r.line+" ") {
		r.Errorf("the usage is %s", got)
	}
}

// inCI checks that the CI script runs the line.
func (r *reader) inCI() {
	for line := range strings.Lines(read(r.T, ".ci/run")) {
		if strings.TrimSpace(line) == r.line {
			return
		}
	}
	r.Errorf(".ci/run does not run %q", r.line)
}

func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
