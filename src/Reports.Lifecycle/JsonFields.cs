using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Lifecycle;

/// <summary>
/// The fields of a JSON object that a client sends. What is wrong with any of them is gathered, so that all of it is
/// told at once.
/// </summary>
internal sealed class JsonFields
{
    private const int MostUnknown = 20;
    private readonly Dictionary<string, JsonElement> _fields = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _findings = new(StringComparer.Ordinal);
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    public JsonFields(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object)
        {
            throw Malformed("The body must be a JSON object");
        }

        try
        {
            foreach (var field in body.EnumerateObject())
            {
                if (!_fields.TryAdd(field.Name, field.Value))
                {
                    Refuse(field.Name, "must be given once");
                }
            }
        }
        catch (InvalidOperationException)
        {
            throw Malformed("The body has a name that is not Unicode");
        }
    }

    /// <summary>Reads the body of a request.</summary>
    /// <exception cref="ProblemException">It is no JSON object: 415 or 400.</exception>
    public static async Task<JsonFields> ReadAsync(HttpRequest request, CancellationToken cancellation) =>
        new(await ParseAsync(request, ["application/json"], cancellation));

    /// <summary>Parses the body of a request that may be of several types.</summary>
    /// <exception cref="ProblemException">It is of another type, or no JSON: 415 or 400.</exception>
    public static async Task<JsonElement> ParseAsync(
        HttpRequest request, string[] types, CancellationToken cancellation)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            || !types.Contains(type.MediaType, StringComparer.OrdinalIgnoreCase)
            || type.CharSet?.Trim('"') is { } charset && !charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase))
        {
            throw new ProblemException(Problem.UnsupportedMediaType with
            {
                Detail = $"The body must be {string.Join(" or ", types)}, in UTF-8",
            });
        }

        try
        {
            using var body = await JsonDocument.ParseAsync(request.Body, cancellationToken: cancellation);
            return body.RootElement.Clone();
        }
        catch (JsonException)
        {
            throw Malformed("The body is not JSON");
        }
    }

    /// <summary>Adds a field that was not sent. What was sent stays, even null.</summary>
    public void TryAdd(string name, JsonElement value) => _fields.TryAdd(name, value);

    /// <summary>Notes what is wrong with a field. The first finding stays.</summary>
    public void Refuse(string name, string finding) => _findings.TryAdd(name, finding);

    /// <summary>Whether nothing is known to be wrong with some fields.</summary>
    public bool AreFine(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (_findings.ContainsKey(name))
            {
                return false;
            }
        }

        return true;
    }

    public string? Text(string name) => Read(name, "must be text", AsText);

    public bool? Flag(string name) => Read<bool?>(name, "must be true or false", value => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    });

    public int? Number(string name) => Read<int?>(name, "must be a whole number", value =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : null);

    public DateOnly? Day(string name) => Read(
        name, "must be a date, such as 2026-11-01", value => AsText(value) is { } text ? Times.Day(text) : null);

    public TEnum? Word<TEnum>(string name)
        where TEnum : struct, Enum => Read(
            name,
            $"must be one of {string.Join(", ", Enum.GetValues<TEnum>().Select(v => v.Word()))}",
            value => AsText(value) is { } text ? ContractWords.Parse<TEnum>(text) : null);

    public IReadOnlyList<string>? Texts(string name) => Read<IReadOnlyList<string>>(name, "must be a list of texts", value =>
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var texts = value.EnumerateArray().Select(AsText).OfType<string>().ToArray();
        return texts.Length == value.GetArrayLength() ? texts : null;
    });

    /// <summary>Reads a field in a way of its own; null when it is left out, null or not readable.</summary>
    public T? Read<T>(string name, string finding, Func<JsonElement, T?> read)
    {
        _known.Add(name);
        if (!_fields.TryGetValue(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return default;
        }

        var result = read(value);
        if (result is null)
        {
            Refuse(name, finding);
        }

        return result;
    }

    /// <summary>Ends the reading: fields that nobody asked for are wrong too.</summary>
    /// <exception cref="ProblemException">Anything is wrong: 400 that names every field at fault.</exception>
    public void Check()
    {
        foreach (var name in _fields.Keys.Where(name => !_known.Contains(name)).Take(MostUnknown))
        {
            Refuse(name, "is not known here");
        }

        if (_findings.Count > 0)
        {
            var (field, finding) = _findings.First();
            throw new ProblemException(Problem.InvalidParameters with
            {
                Detail = $"{field} {finding}",
                Errors = _findings.ToDictionary(f => f.Key, f => new[] { f.Value }, StringComparer.Ordinal),
            });
        }
    }

    // JSON can write halves of characters; those are no text.
    public static string? AsText(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static ProblemException Malformed(string detail) =>
        new(Problem.InvalidParameters with { Detail = detail });
}
