package content

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// XEP-0393 §5 and the same as GFM-MIMI; back is what becomes of that in XMPP, where it is not the body again.
func TestStylingToMarkdown(t *testing.T) {
	for _, c := range []struct{ body, markdown, back string }{
		{"_most_ people", "_most_ people", ""},
		{"*strong* and ~gone~", "**strong** and ~~gone~~", ""},
		{"`pre` plain *strong*", "`pre` plain **strong**", ""},
		{"This is *`monospace and bold`*", "This is **`monospace and bold`**", ""},
		{"`*monospace*`", "`*monospace*`", ""},
		{"Everyone ~dis~likes cake", "Everyone ~~dis~~likes cake", "Everyone ~dis~likes cake"},
		{"*strong*plain*", `**strong**plain\*`, ""},
		{"_em_plain", "*em*plain", ""},
		{"*end.*word", `\*end.\*word`, wordJoiner + "*end.*word"},
		{"* plain *strong*", "* plain **strong**", "- plain *strong*"},
		{"> That that is, is.\n\nSaid the old hermit.", "> That that is, is.\n\nSaid the old hermit.", ""},
		{">> one\n> two\nWho?", "> > one\n>\n> two\n\nWho?", "> > one\n>\n> two\n\nWho?"},
		{"```go\nx := *p*\n```\nafter", "```go\nx := *p*\n```\nafter", ""},
		{"> ```\n> open\n\nafter", "> ```\n> open\n> ```\n\nafter", "> ```\n> open\n> ```\n\nafter"},
		{"*a*\nb", "**a**  \nb", ""},
		{"*x* <b> &amp; [y](z) a_b", `**x** &lt;b> &amp;amp; \[y](z) a_b`, ""},
		{"# *no heading*", `\# **no heading**`, ""},
		{"*t*\n---", "**t**  \n\\---", ""},
		{"    *far*", "\u00a0\u00a0\u00a0\u00a0**far**", "\u00a0\u00a0\u00a0\u00a0*far*"},
	} {
		got, styled := toMarkdown(c.body, nil)
		if got != c.markdown || !styled && c.body != "*end.*word" {
			t.Errorf("%q: got %q (styled %v), want %q", c.body, got, styled, c.markdown)
		}
		want := c.back
		if want == "" {
			want = c.body
		}
		if again, _ := fromMarkdown(got, nil); again != want {
			t.Errorf("%q: back from %q comes %q, want %q", c.body, got, again, want)
		}
	}
	for _, plain := range []string{"not strong*", "*not strong", "*not \n strong*", "*not *strong", "**", "***", "****", "a*b*c", "2 * 3 * 4", "snake_case_name", "- item"} {
		if md, styled := toMarkdown(plain, nil); styled {
			t.Errorf("%q has styling: %q", plain, md)
		}
	}
}

// What markdown has and XEP-0393 does not stays readable.
func TestMarkdownToStyling(t *testing.T) {
	users := func(uri string) (string, bool) { return "xmpp:romeo@a.example", uri == "mimi://a.example/u/romeo" }
	for _, c := range []struct{ markdown, body string }{
		{"# Welcome!", "*Welcome!*"},
		{"## Welcome __all__ ##", "*Welcome all*"},
		{"Welcome\n=======\ntext", "*Welcome*\ntext"},
		{"__*VPN GOING DOWN*__ I'm rebooting", "*_VPN GOING DOWN_* I'm rebooting"},
		{"Right on! _Congratulations_ y'all!", "Right on! _Congratulations_ y'all!"},
		{"***both***", "*_both_*"},
		{"**two\nlines**", "*two*\n*lines*"},
		{"foo**bar**baz", "foobarbaz"},
		{"*one* **two** ~~three~~ ~four~ `five`", "_one_ *two* ~three~ ~four~ `five`"},
		{`\*not\* strong`, wordJoiner + "*not* strong"},
		{"*foo **bar**", wordJoiner + "*foo *bar*"},
		{"snake_case and 2 * 3", "snake_case and 2 * 3"},
		{"[the site](https://b.example/x)", "the site (https://b.example/x)"},
		{`[https://b.example/](https://b.example/ "title")`, "https://b.example/"},
		{"<https://b.example/>", "https://b.example/"},
		{"![a rose](https://b.example/r.png)", "a rose (https://b.example/r.png)"},
		{"Kudos to [@Alice Smith](mimi://example.com/u/alice-smith) for it", "Kudos to @Alice Smith for it"},
		{"[Romeo](mimi://a.example/u/romeo)!", "Romeo!"},
		{"* one\n* two\n  1. three", "- one\n- two\n  1. three"},
		{"- [ ] task\n- [x] **done**", "- [ ] task\n- [x] *done*"},
		{"| a | b |\n|---|---|\n| 1 | *2* |", "| a | b |\n|---|---|\n| 1 | _2_ |"},
		{"---", "---"},
		{"~~~sh\nls\n~~~", "```sh\nls\n```"},
		{"````\n```\n````", "```\n ```\n```"},
		{"> quoted *words*\n> more", "> quoted _words_\n> more"},
		{"a &lt;b&gt; &amp; c", "a <b> & c"},
		{"&gt; no quotation", wordJoiner + "> no quotation"},
		{"one  \ntwo\\\nthree", "one\ntwo\nthree"},
		{"`` a`b ``", "a`b"},
		{"<b>bold</b>", "<b>bold</b>"},
		{"[no link] (x)", "[no link] (x)"},
	} {
		if got, _ := fromMarkdown(c.markdown, users); got != c.body {
			t.Errorf("%q: got %q, want %q", c.markdown, got, c.body)
		}
	}
	body, mentions := fromMarkdown("\\*x\\* hello [Romeo](mimi://a.example/u/romeo)!", users)
	if len(mentions) != 1 || body[mentions[0].from:mentions[0].to] != "Romeo" || mentions[0].uri != "xmpp:romeo@a.example" {
		t.Errorf("%q mentions %+v", body, mentions)
	}
	body, mentions = fromMarkdown("hello <mimi://a.example/u/romeo>, not <mimi://a.example/u/rosaline>", users)
	if len(mentions) != 1 || body[mentions[0].from:mentions[0].to] != "mimi://a.example/u/romeo" || body != "hello mimi://a.example/u/romeo, not mimi://a.example/u/rosaline" {
		t.Errorf("%q mentions %+v", body, mentions)
	}
}

// Hostile text costs no more than its length, and what is beyond the bounds is text.
func TestMarkdownIsBounded(t *testing.T) {
	for _, s := range []string{"*", "_a ", "*a_b~c`d ", "[", "![", "[](", "`", "``` ", "> ", ">", "\\", "&", "<a:", "a**b", "~", "# ", "1. ", "[a](b"} {
		long := strings.Repeat(s, MaxMessage/len(s))
		if md, _ := toMarkdown(long, nil); len(md) > maxGrowth(len(long)) {
			t.Errorf("%q becomes %d bytes of markdown", s, len(md))
		}
		if body, _ := fromMarkdown(long, nil); len(body) > maxGrowth(len(long)) {
			t.Errorf("%q becomes %d bytes", s, len(body))
		}
	}
	// Directives whose closing one, far away, would close nothing in markdown: were each looked for anew, these would take minutes.
	for _, d := range []string{"*", "_", "~"} {
		far := strings.Repeat(" "+d+"x", MaxMessage/3) + "." + d + "a"
		if md, styled := toMarkdown(far, nil); styled || strings.Count(md, "\\"+d) != strings.Count(far, d) {
			t.Errorf("%q without end: styled %v, %d bytes", d, styled, len(md))
		}
	}
	deep := strings.Repeat(">", MaxQuotes+1) + " x"
	if md, _ := toMarkdown(deep, nil); md != strings.Repeat("> ", MaxQuotes)+`\> x` {
		t.Errorf("too many quotations become %q", md)
	}
}

// maxGrowth is how long a text may become: a quotation in another costs two bytes for one on each of its lines and one more line.
func maxGrowth(n int) int { return 8*n + 4*MaxQuotes + 64 }

func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

func FuzzStyling(f *testing.F) {
	for _, s := range []string{"*a* _b_ ~c~ `d`", "> q\n```x\ny\n```", "[a](mimi://b/u/c) **d** ![e](f)", "# h\n* l\n***", "*a _b ~c `d` e~ f_ g*", "&amp;&lt;b>\\*", "a\n===\n\tb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || strings.Contains(s, "\r") || len(s) > 4096 {
			return
		}
		md, _ := toMarkdown(s, nil)
		again, _ := fromMarkdown(md, nil)
		for _, x := range []string{md, again} {
			if !utf8.ValidString(x) || len(x) > 8*maxGrowth(len(s)) {
				t.Fatalf("%q became %q", s, x)
			}
		}
		if letters(again) != letters(s) {
			t.Errorf("%q became %q and then %q: not the same words", s, md, again)
		}
		body, mentions := fromMarkdown(s, func(uri string) (string, bool) { return uri, true })
		if !utf8.ValidString(body) || len(mentions) > MaxMentions {
			t.Fatalf("%q became %q", s, body)
		}
		for _, m := range mentions {
			if m.from < 0 || m.to > len(body) || m.from >= m.to || !utf8.ValidString(body[m.from:m.to]) {
				t.Fatalf("%q: mention %+v in %q", s, m, body)
			}
		}
	})
}
