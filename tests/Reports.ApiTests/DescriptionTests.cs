using System.Globalization;
using System.Text.Json.Nodes;
using NJsonSchema;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>
/// The OpenAPI document against the service: its examples against its schemas, and what each operation answers to its
/// own examples against what it says.
/// </summary>
public sealed class DescriptionTests(ReportsApp app)
{
    private static readonly JsonNode Document = JsonNode.Parse(
        File.ReadAllText(Path.Combine(Checkout.Root, "docs/openapi/v1.json")))!;

    public static TheoryData<string, string> Operations
    {
        get
        {
            var operations = new TheoryData<string, string>();
            foreach (var (path, item) in Document["paths"]!.AsObject())
            {
                foreach (var (method, _) in item!.AsObject())
                {
                    operations.Add(method, path);
                }
            }

            return operations;
        }
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task every_example_is_what_its_schema_says(string method, string path)
    {
        var operation = Operation(method, path);
        foreach (var parameter in Resolved(operation["parameters"]))
        {
            await CheckExamplesAsync(parameter, $"{method} {path} {parameter["name"]}", isNeeded: true);
        }

        foreach (var (type, media) in Resolve(operation["requestBody"])?["content"]?.AsObject() ?? [])
        {
            await CheckExamplesAsync(media!, $"{method} {path} {type}", isNeeded: true);
        }

        foreach (var (status, response) in operation["responses"]!.AsObject())
        {
            var resolved = Resolve(response)!;
            foreach (var (name, header) in resolved["headers"]!.AsObject())
            {
                await CheckExamplesAsync(Resolve(header)!, $"{method} {path} {status} {name}", isNeeded: true);
            }

            foreach (var (type, media) in resolved["content"]?.AsObject() ?? [])
            {
                var isProblem = type == "application/problem+json";
                await CheckExamplesAsync(media!, $"{method} {path} {status} {type}", isNeeded: isProblem);
                if (isProblem)
                {
                    media!["examples"]!.AsObject().ShouldAllBe(e => e.Value!["value"]!["status"]!.ToString() == status);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task every_operation_answers_its_examples_as_it_says(string method, string path)
    {
        var merchant = await app.MerchantAsync();
        await merchant.FinishedAsync("report.csv");
        var token = (await merchant.DownloadPathAsync("report.csv")).Split('/')[^3];
        using var known = merchant.RealClient();
        using var stranger = new HttpClient { BaseAddress = app.Address };

        // With each parameter as it stands in the document, and with the ids of a report that is there.
        var asWritten = Url(path, Operation(method, path), parameter => Example(parameter));
        var real = Url(path, Operation(method, path), parameter => (string?)parameter["in"] == "path" ? token : null);
        var body = RequestBody(Operation(method, path));
        var isOpen = Operation(method, path)["security"] is not JsonArray { Count: > 0 };
        var statuses = new List<int>();
        foreach (var (client, url) in new[] { (known, asWritten), (known, real), (stranger, real) })
        {
            using var request = new HttpRequestMessage(new HttpMethod(method.ToUpperInvariant()), url)
            {
                Content = body is null ? null : new StringContent(body, null, "application/json"),
            };
            using var answer = await client.SendAsync(request);

            statuses.Add((int)answer.StatusCode);
            await CheckAnswerAsync(Operation(method, path), answer, $"{method} {url}");
        }

        statuses[1].ShouldBeLessThan(500);
        if (!isOpen)
        {
            statuses[2].ShouldBe(401);
        }

        if (method is "get" or "head" && !path.Replace("{token}", "", StringComparison.Ordinal).Contains('{'))
        {
            statuses[1].ShouldBe(200);
        }
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task every_operation_refuses_a_large_body_and_a_foreign_method_as_it_says(string method, string path)
    {
        if (method is not ("get" or "head"))
        {
            return;
        }

        var url = Url(path, Operation(method, path), Example);
        using var client = new HttpClient { BaseAddress = app.Address };
        using var large = await client.SendAsync(new HttpRequestMessage(new HttpMethod(method.ToUpperInvariant()), url)
        {
            Content = new ByteArrayContent(new byte[64 * 1024 + 1]),
        });
        using var foreign = await client.SendAsync(new HttpRequestMessage(new HttpMethod("PURGE"), url));

        ((int)large.StatusCode, (int)foreign.StatusCode).ShouldBe((413, 405));
        await CheckAnswerAsync(Operation(method, path), large, $"{method} {url}");
        await CheckAnswerAsync(Operation("get", path), foreign, $"PURGE {url}");
    }

    private static async Task CheckAnswerAsync(JsonNode operation, HttpResponseMessage answer, string what)
    {
        var status = ((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture);
        var response = Resolve(operation["responses"]![status]).ShouldNotBeNull($"{what} is not to answer {status}");
        foreach (var (name, header) in response["headers"]!.AsObject())
        {
            await CheckHeaderAsync(answer, name, Resolve(header)!, $"{what} {status} {name}");
        }

        var body = await answer.Content.ReadAsStringAsync();
        if (response["content"] is not { } content)
        {
            body.ShouldBeEmpty(what);
            return;
        }

        var type = answer.Content.Headers.ContentType!.MediaType!;
        var media = content[type].ShouldNotBeNull($"{what} {status} is not to be {type}");
        if (type is "application/json" or "application/problem+json")
        {
            JsonSchemas.Check(await SchemaAsync(media["schema"]!), body, $"{what} {status}");
        }
    }

    private static async Task CheckHeaderAsync(HttpResponseMessage answer, string name, JsonNode header, string what)
    {
        var values = answer.Headers.NonValidated.Concat(answer.Content.Headers.NonValidated)
            .Where(h => string.Equals(h.Key, name, StringComparison.OrdinalIgnoreCase)).SelectMany(h => h.Value).ToArray();
        if (header["required"]?.GetValue<bool>() == true)
        {
            values.ShouldNotBeEmpty(what);
        }

        foreach (var value in values)
        {
            var isNumber = (string?)header["schema"]!["type"] == "integer";
            var json = isNumber ? value : JsonValue.Create(value).ToJsonString();
            JsonSchemas.Check(await SchemaAsync(header["schema"]!), json, what);
        }
    }

    private static async Task CheckExamplesAsync(JsonNode described, string what, bool isNeeded)
    {
        JsonNode?[] examples =
        [
            described["example"],
            .. described["examples"]?.AsObject().Select(example => Resolve(example.Value)!["value"]) ?? [],
        ];
        examples = [.. examples.Where(example => example is not null)];
        if (isNeeded)
        {
            examples.ShouldNotBeEmpty($"{what} has no example");
        }

        foreach (var example in examples)
        {
            JsonSchemas.Check(await SchemaAsync(described["schema"]!), example!.ToJsonString(), what);
        }
    }

    private static Task<JsonSchema> SchemaAsync(JsonNode schema) => JsonSchemas.OfDocumentAsync(Document, schema);

    private static JsonNode Operation(string method, string path) => Document["paths"]![path]![method]!;

    private static string Url(string path, JsonNode operation, Func<JsonNode, string?> value)
    {
        var parameters = Resolved(operation["parameters"]).Select(p => (Parameter: p, Value: value(p))).ToArray();
        foreach (var (parameter, text) in parameters.Where(p => (string?)p.Parameter["in"] == "path"))
        {
            path = path.Replace($"{{{parameter["name"]}}}", text, StringComparison.Ordinal);
        }

        var query = parameters.Where(p => (string?)p.Parameter["in"] == "query" && p.Value is not null)
            .Select(p => $"{p.Parameter["name"]}={Uri.EscapeDataString(p.Value!)}");
        return $"{path}?{string.Join('&', query)}".TrimEnd('?');
    }

    // Several examples are of what the others exclude.
    private static string? Example(JsonNode parameter) => parameter["example"]?.ToString();

    private static string? RequestBody(JsonNode operation) =>
        Resolve(operation["requestBody"])?["content"]?["application/json"] is { } media
            ? (media["example"] ?? media["examples"]?.AsObject().First().Value!["value"])?.ToJsonString()
            : null;

    private static IEnumerable<JsonNode> Resolved(JsonNode? array) =>
        array?.AsArray().Select(item => Resolve(item)!) ?? [];

    private static JsonNode? Resolve(JsonNode? node)
    {
        if (node?["$ref"]?.GetValue<string>() is not { } reference)
        {
            return node;
        }

        var found = Document;
        foreach (var part in reference.Split('/').Skip(1))
        {
            found = found[part]!;
        }

        return found;
    }
}
