package pages

import (
	"bufio"
	"encoding/base64"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn/internal/race"
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
	{"go run ./examples/oidc", (*reader).openID},
	{"curl -c jar -b jar --json '{\"name\":\"ada\",\"password\":\"correct horse battery\"}' http://127.0.0.1:8081/signin/begin", (*reader).byHost},
	{"curl -c jar -b jar -H 'Sign-In: SIGNIN' --json '{\"factor\":\"mail\"}' http://127.0.0.1:8081/signin/challenge", (*reader).byHost},
	{"curl -c jar -b jar -H 'Sign-In: SIGNIN' --json '{\"code\":\"CODE\"}' http://127.0.0.1:8081/signin/verify", (*reader).byHost},
	{"go run ./cmd/authn-diagram -format svg -view overview -o overview.svg", (*reader).picture},
	{"openssl rand -base64 32", (*reader).key},
	{"go run ./otelauthn/demo", (*reader).telemetry},
	{"go install github.com/authnfsm/authn/cmd/authnctl@latest", (*reader).byRelease},
	{"go run ./examples/signin/kept -store sqlite:demo.db", (*reader).operator},
	{"export AUTHN_STORE=sqlite:demo.db AUTHN_KEYS_FILE=demo.db.keys AUTHN_TENANT=signin", (*reader).byOperator},
	{"go run ./cmd/authnctl doctor", (*reader).byOperator},
	{"go run ./cmd/authnctl show ada", (*reader).byOperator},
	{"go run ./cmd/authnctl explain ada", (*reader).byOperator},
	{"go run ./cmd/authnctl list -state MFA_CHALLENGE", (*reader).byOperator},
	{"go run ./cmd/authnctl unlock -reason 'ticket 4711: called back' ada", (*reader).byOperator},
	{"go run ./internal/scale", (*reader).usage},
	{"./release.sh v0.1.0", (*reader).release},
	{"git push origin --tags", (*reader).byRelease},
	{"go run ./internal/regen", (*reader).inCI},
	{"go test work", (*reader).inCI},
	{". .ci/services", (*reader).inCI},
	{"./check.sh", (*reader).inCI},
	{"e2e/run.sh", (*reader).inCI},
	{"go run ./internal/mutants", (*reader).inCI},
	{"go run ./bench -quick", (*reader).inCI},
	{"go run ./bench", (*reader).usage},
	{"go run ./bench -only embedded -page docs/internals/sign-in.md", (*reader).part},
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
	if testing.Short() || race.Detector() {
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
	proxy := t.TempDir()
	publish(t, proxy, ".", "github.com/authnfsm/authn", "v0.0.1")
	return offline(t, proxy)
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

// terminal types the password, takes the first choice and types the code of the mail.
func (r *reader) terminal() {
	cmd := r.command(".")
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil || cmd.Start() != nil {
		r.Fatal(err1, err2, "or it does not start")
	}
	io.WriteString(stdin, "correct horse battery\n\n")
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

// telemetry prints a span and a metric of a sign-in.
func (r *reader) telemetry() {
	got := r.out(".", "")
	for _, want := range []string{"authn.step authn.event=primary ", "\nauthn_steps_total{"} {
		if !strings.Contains(got, want) {
			r.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// started builds a server and starts it on a free port. It does not use "go run",
// whose child would not end with it. It returns the server's URL and its further
// output.
func (r *reader) started(args ...string) (url string, lines *bufio.Scanner) {
	r.Helper()
	bin := filepath.Join(r.TempDir(), "program")
	if b, err := exec.CommandContext(r.Context(), "go", "build", "-o", bin, strings.Fields(r.line)[2]).CombinedOutput(); err != nil {
		r.Fatalf("%v\n%s", err, b)
	}
	cmd := exec.Command(bin, append(args, "-addr", "127.0.0.1:0")...)
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
		url = regexp.MustCompile(`http://(127\.0\.0\.1|localhost):\d+`).FindString(lines.Text())
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

// openID starts the OpenID provider and its application, which sends to a page that asks
// for a password.
func (r *reader) openID() {
	url, _ := r.started("-client-addr", "127.0.0.1:0")
	jar, _ := cookiejar.New(nil)
	resp, err := (&http.Client{Jar: jar}).Get(url + "/login/plain")
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
	dir, signIn, code := r.TempDir(), "", ""
	named := regexp.MustCompile(`"signIn":"([^"]+)"`)
	states := []string{"MFA_REQUIRED", "MFA_CHALLENGE", "SUCCESS"}
	for _, line := range lined(r.T) {
		if !strings.HasPrefix(line, "curl ") {
			continue
		}
		if strings.Contains(line, "CODE") {
			lines.Scan()
			code = lines.Text()[strings.LastIndex(lines.Text(), " ")+1:]
		}
		cmd := exec.CommandContext(r.Context(), "sh", "-c", strings.NewReplacer("http://127.0.0.1:8081", url, "SIGNIN", signIn, "CODE", code).Replace(line))
		cmd.Dir = dir
		b, err := cmd.Output()
		if len(states) == 0 || err != nil || !strings.Contains(string(b), `"state":"`+states[0]+`"`) {
			r.Fatalf("%s: %v\n%s", line, err, b)
		}
		if m := named.FindSubmatch(b); m != nil {
			signIn = string(m[1])
		}
		states = states[1:]
	}
	if lines.Scan(); len(states) > 0 || lines.Text() != "a session for u1 [pwd otp]" {
		r.Errorf("last line %q, missing %q", lines.Text(), states)
	}
}

// byHost does nothing: host runs the line, because it needs the running program.
func (r *reader) byHost() {}

// operator begins a sign-in, stops it, and runs the next commands of the page on it in
// one shell.
func (r *reader) operator() {
	dir := r.TempDir()
	inDir := strings.NewReplacer("sqlite:demo.db", "sqlite:"+filepath.Join(dir, "demo.db"), "=demo.db.keys", "="+filepath.Join(dir, "demo.db.keys"))
	told := lined(r.T)
	r.line = inDir.Replace(r.line)
	cmd := r.command(".")
	cmd.Stdin = strings.NewReader("correct horse battery\nchallenge\n") // and no code
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "MFA_CHALLENGE") {
		r.Fatalf("%v\n%s", err, out)
	}
	script, wants := "set -e\n", []string{"nothing has been due", "a code is good until", "● MFA_CHALLENGE  is where ada stands", "1 account", "ada may sign in", `"guard":"ticket 4711: called back"`}
	for _, line := range told {
		if strings.HasPrefix(line, "export AUTHN_") || strings.HasPrefix(line, "go run ./cmd/authnctl ") {
			script += inDir.Replace(line) + "\n"
		}
	}
	sh := exec.CommandContext(r.Context(), "sh", "-c", script)
	sh.Stdin = strings.NewReader("ada\n")
	out, err := sh.CombinedOutput()
	for _, want := range wants {
		if err != nil || !strings.Contains(string(out), want) {
			r.Errorf("%v, no %q in\n%s", err, want, out)
		}
	}
}

// byOperator does nothing: operator runs the line, because it needs the sign-in.
func (r *reader) byOperator() {}

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

// visitFiles visits the files in root of directories that want selects.
func visitFiles(t *testing.T, root string, visit func(path string), want func(dir string) bool) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
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

// part checks that bench takes the options; its own tests run the part.
func (r *reader) part() {
	if got := r.out(".", "", "-h"); !strings.Contains(got, "Usage: go run ./bench ") || strings.Contains(got, "not defined") {
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
