using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Microsoft.AspNetCore.Http;
using Reports.BuildingBlocks;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.BuildingBlocks;

public sealed class RateLimitsTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 8, 0, 0, TimeSpan.Zero);

    [Fact]
    public void the_fields_have_the_syntax_of_the_draft()
    {
        var headers = Write(
            Limit("requests", 90_000, TimeSpan.FromDays(1), 89_412, TimeSpan.FromSeconds(86_399.2)),
            Limit("downloads", 25, TimeSpan.FromHours(1), 3, TimeSpan.FromMinutes(12)));

        headers["RateLimit-Policy"].ToString().ShouldBe("\"requests\";q=90000;w=86400, \"downloads\";q=25;w=3600");
        headers["RateLimit"].ToString().ShouldBe("\"requests\";r=89412;t=86400, \"downloads\";r=3;t=720");
        headers["X-RateLimit-Limit"].ToString().ShouldBe("25");
        headers["X-RateLimit-Remaining"].ToString().ShouldBe("3");
        headers["X-RateLimit-Reset"].ToString().ShouldBe((Now.ToUnixTimeSeconds() + 720).ToString(CultureInfo.InvariantCulture));
    }

    [Fact]
    public void nothing_noted_writes_nothing() => Write().ShouldBeEmpty();

    [Fact]
    public void a_later_note_replaces_an_earlier_one_of_the_same_policy()
    {
        var headers = Write(
            Limit("downloads", 25, TimeSpan.FromHours(1), 3, TimeSpan.FromMinutes(12)),
            Limit("downloads", 25, TimeSpan.FromHours(1), 2, TimeSpan.FromMinutes(11)));

        headers["RateLimit"].ToString().ShouldBe("\"downloads\";r=2;t=660");
    }

    [Fact]
    public void of_two_that_are_used_up_the_older_fields_show_the_one_that_takes_longer()
    {
        var headers = Write(
            Limit("requests", 90_000, TimeSpan.FromDays(1), 0, TimeSpan.FromHours(5)),
            Limit("downloads", 25, TimeSpan.FromHours(1), 0, TimeSpan.FromMinutes(12)));

        headers["X-RateLimit-Limit"].ToString().ShouldBe("90000");
    }

    [Fact]
    public void what_cannot_be_is_written_as_what_comes_nearest()
    {
        var headers = Write(Limit("a", long.MaxValue, TimeSpan.FromMilliseconds(1), -5, TimeSpan.FromSeconds(-1)));

        headers["RateLimit-Policy"].ToString().ShouldBe("\"a\";q=999999999999999;w=1");
        headers["RateLimit"].ToString().ShouldBe("\"a\";r=0;t=1");
    }

    [Fact]
    public void the_older_reset_is_never_too_early()
    {
        var http = new DefaultHttpContext();
        RateLimits.Note(http, Limit("a", 1, TimeSpan.FromHours(1), 0, TimeSpan.FromSeconds(1)));

        RateLimits.Write(http, Now.AddSeconds(0.9));

        http.Response.Headers["X-RateLimit-Reset"].ToString()
            .ShouldBe((Now.ToUnixTimeSeconds() + 2).ToString(CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("tägliche")]
    [InlineData("a\r\nSet-Cookie: b")]
    [InlineData("a\0")]
    public void a_name_that_no_field_can_hold_is_refused(string name) => Should.Throw<ArgumentException>(() =>
        RateLimits.Note(new DefaultHttpContext(), Limit(name, 1, TimeSpan.FromHours(1), 1, TimeSpan.FromHours(1))));

    [Property]
    public Property whatever_is_noted_is_read_back_by_the_rules_of_structured_fields() => Prop.ForAll(
        Names.ToArbitrary(),
        ArbMap.Default.ArbFor<long>(),
        ArbMap.Default.ArbFor<int>(),
        (name, quota, seconds) =>
        {
            var headers = Write(
                Limit(name, quota, TimeSpan.FromSeconds(seconds), quota, TimeSpan.FromSeconds(seconds)),
                Limit(name + "2", 7, TimeSpan.FromSeconds(7), 7, TimeSpan.FromSeconds(7)));

            var policies = StructuredList(headers["RateLimit-Policy"].ToString());
            policies.Select(p => p.Name).ShouldBe([name, name + "2"]);
            policies.ShouldAllBe(p => string.Join(' ', p.Parameters.Select(x => x.Key)) == "q w");
            policies[0].Parameters[0].Value.ShouldBe(Math.Clamp(quota, 0, 999_999_999_999_999));
            policies[0].Parameters[1].Value.ShouldBe(Math.Max(1, seconds));
            var limits = StructuredList(headers["RateLimit"].ToString());
            limits.Select(p => p.Name).ShouldBe([name, name + "2"]);
            limits.ShouldAllBe(p => string.Join(' ', p.Parameters.Select(x => x.Key)) == "r t");
        });

    private static Gen<string> Names => Gen.Choose(' ', '~').Select(c => (char)c).ListOf().Select(string.Concat);

    private static RateLimit Limit(string name, long quota, TimeSpan window, long remaining, TimeSpan reset) =>
        new(new RateLimitPolicy(name, quota, window), remaining, reset);

    private static IHeaderDictionary Write(params RateLimit[] limits)
    {
        var http = new DefaultHttpContext();
        foreach (var limit in limits)
        {
            RateLimits.Note(http, limit);
        }

        RateLimits.Write(http, Now);
        return http.Response.Headers;
    }

    // RFC 9651 section 4.2.1, for lists of strings with integer parameters: all else fails.
    private static List<(string Name, List<KeyValuePair<string, long>> Parameters)> StructuredList(string field)
    {
        var (list, at) = (new List<(string, List<KeyValuePair<string, long>>)>(), 0);
        char Next() => field[at++];
        while (true)
        {
            Next().ShouldBe('"');
            var name = new StringBuilder();
            for (var c = Next(); c != '"'; c = Next())
            {
                c.ShouldBeInRange(' ', '~');
                name.Append(c == '\\' ? Escaped(Next()) : c);
            }

            var parameters = new List<KeyValuePair<string, long>>();
            while (at < field.Length && field[at] == ';')
            {
                at++;
                var key = Next().ToString();
                Next().ShouldBe('=');
                var digits = string.Concat(field.Skip(at).TakeWhile(char.IsAsciiDigit));
                digits.Length.ShouldBeInRange(1, 15);
                at += digits.Length;
                parameters.Add(new(key, long.Parse(digits, CultureInfo.InvariantCulture)));
            }

            list.Add((name.ToString(), parameters));
            if (at == field.Length)
            {
                return list;
            }

            (Next(), Next()).ShouldBe((',', ' '));
        }
    }

    private static char Escaped(char c)
    {
        c.ShouldBeOneOf('"', '\\');
        return c;
    }
}
