using System.Net;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using Reports.BuildingBlocks;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>The pages that <c>type</c> points to.</summary>
public sealed class ProblemPageTests(ReportsApp app)
{
    public static TheoryData<string> Codes => [.. Problem.All.Select(problem => problem.Code)];

    [Theory]
    [MemberData(nameof(Codes))]
    public async Task every_code_has_a_page(string code)
    {
        var problem = Problem.All.Single(p => p.Code == code);

        var page = await PageAsync($"/problems/{code}/");

        page.Descendants("h1").Single().Value.ShouldBe(problem.Message);
        page.Descendants("p").Single(p => (string?)p.Attribute("class") == "status").Value
            .ShouldStartWith($"{code} · HTTP {problem.Status} ");
        page.Descendants("h2").Select(h => h.Value).ShouldBe(["What it means", "What to do", "Example"]);
        var example = page.Descendants("pre").Single().Value;
        await JsonSchemas.ShouldBeProblemAsync(example);
        JsonNode.Parse(example)!["code"]!.GetValue<string>().ShouldBe(code);
        (await PageAsync($"/problems/{code}")).ToString().ShouldBe(page.ToString());
    }

    [Theory]
    [InlineData("/problems")]
    [InlineData("/problems/")]
    public async Task the_index_leads_to_every_page(string path)
    {
        var links = (await PageAsync(path)).Descendants("a").Select(a => (string)a.Attribute("href")!);

        links.ShouldBe(Problem.All.Select(problem => $"/problems/{problem.Code}/"));
    }

    [Theory]
    [InlineData("/problems/nothing")]
    [InlineData("/problems/NOT_FOUND")]
    [InlineData("/problems/not_found/more")]
    [InlineData("/problems/%3Cscript%3E/")]
    public async Task an_unknown_code_is_not_found(string path)
    {
        using var client = app.Host.Server.CreateClient();
        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative));

        answer.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await Problems.NotFoundAsync(answer)).GetRawText().ShouldNotContain("script");
    }

    [Fact]
    public async Task a_page_can_be_asked_for_its_headers_and_for_nothing_else()
    {
        using var client = new HttpClient { BaseAddress = app.Address };
        using var get = await client.GetAsync(new Uri("/problems/not_found", UriKind.Relative));
        using var head = await client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/problems/not_found"));
        using var post = await client.PostAsync(new Uri("/problems/not_found", UriKind.Relative), null);

        head.Content.Headers.ContentLength.ShouldBe(get.Content.Headers.ContentLength);
        (await head.Content.ReadAsByteArrayAsync()).ShouldBeEmpty();
        await Problems.ReadAsync(post, Problem.MethodNotAllowed);
    }

    // It is written as XML too, so that any parser tells whether it is well formed. Nothing in it comes from elsewhere.
    private async Task<XElement> PageAsync(string path)
    {
        using var client = app.Host.Server.CreateClient();
        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative));
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        answer.Content.Headers.ContentType!.ToString().ShouldBe("text/html; charset=utf-8");
        var text = await answer.Content.ReadAsStringAsync();
        text.ShouldStartWith("<!DOCTYPE html>");
        var page = XElement.Parse(text["<!DOCTYPE html>".Length..]);
        page.Attribute("lang")!.Value.ShouldBe("en");
        page.Descendants("title").Single().Value.ShouldNotBeNullOrWhiteSpace();
        page.Descendants("meta").Select(m => (string?)m.Attribute("name")).ShouldContain("viewport");
        page.Descendants().Attributes().Select(a => a.Name).ShouldNotContain((XName)"src");
        page.Descendants("script").ShouldBeEmpty();
        page.Descendants("link").ShouldBeEmpty();
        return page;
    }
}
