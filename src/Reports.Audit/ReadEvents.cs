using System.Buffers;
using System.Globalization;
using System.Text.Json;
using FluentValidation;
using MediatR;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Audit;

/// <summary>
/// Every event in the order of the store, with filters: in pages, or as a stream of lines
/// (<c>docs/contract.md</c> section 7).
/// </summary>
internal static class ReadEvents
{
    public const string Path = AuditedReadEndpoints.Path + "events";
    public const int DefaultLimit = 100;
    public const int MaximumLimit = 1000;
    public const string Lines = "application/x-ndjson";

    /// <summary>The parameters as they were sent; the names are those of the address.</summary>
    internal sealed record Query(
        string? Merchant = null,
        string? Report = null,
        string? Principal = null,
        string? Type = null,
        string? Outcome = null,
        string? From = null,
        string? To = null,
        string? After = null,
        string? Through = null,
        string? Limit = null,
        string? Format = null,
        bool AcceptsLines = false,
        string? Unsealed = null) : IRequest<Asked>
    {
        public bool AreLines => Format is null ? AcceptsLines : Format == "ndjson";
    }

    /// <summary>What is meant, and where the walk through it begins.</summary>
    internal sealed record Asked(Query Query, EventFilter Filter, EventWalk Walk, long? SealedThrough, int Limit);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.Merchant).Must(m => m is null or Tenants.Platform || AuditTarget.IsUuid(m))
                .WithMessage("must be a merchant's id, or platform").OverridePropertyName("merchant");
            RuleFor(q => q.Report).Must(r => r is null || AuditTarget.IsShaped(r))
                .WithMessage("must be an encrypted_id or a report's UUID").OverridePropertyName("report");
            RuleFor(q => q.Principal).Must(p => p is null || AuditTarget.IsPrincipal(p))
                .WithMessage(
                    "must be a principal's id, anonymous, reports or operator, with or without its kind before it (api_key:…)")
                .OverridePropertyName("principal");
            RuleFor(q => q.Type).Must(t => t is null || t.Split(',').All(ContractNames.Events.ContainsKey))
                .WithMessage("must be the names of event types, with commas between them").OverridePropertyName("type");
            RuleFor(q => q.Outcome)
                .Must(o => o is null or AuditFields.Success or AuditFields.Failure or AuditFields.Pending)
                .WithMessage("must be success, failure or pending").OverridePropertyName("outcome");
            RuleFor(q => q.From).Must(IsInstant).WithMessage(InstantMessage).OverridePropertyName("from");
            RuleFor(q => q.To).Must(IsInstant).WithMessage(InstantMessage).OverridePropertyName("to");
            RuleFor(q => q.After).Must(n => n is null || Parameters.Number(n) >= 0)
                .WithMessage("must be a sequence: a whole number, at least 0").OverridePropertyName("after");
            RuleFor(q => q.Through).Must(n => n is null || Parameters.Number(n) >= 1)
                .WithMessage("must be a sequence: a whole number, at least 1").OverridePropertyName("through");
            RuleFor(q => q.Limit).Must(n => n is null || Parameters.Number(n) >= 1)
                .WithMessage("must be a whole number, at least 1").OverridePropertyName("limit");
            RuleFor(q => q.Format).Must(f => f is null or "json" or "ndjson")
                .WithMessage("must be json or ndjson").OverridePropertyName("format");
            RuleFor(q => q.Unsealed).Must(u => u is null or "true" or "false")
                .WithMessage("must be true or false").OverridePropertyName("unsealed");
        }

        private const string InstantMessage =
            "must be an RFC 3339 instant (2026-11-01T00:00:00Z); a plus sign in an address is written %2B";

        private static bool IsInstant(string? text) => text is null || Times.Instant(text) is not null;
    }

    internal sealed class Handler(AuditorDatabase database, AuditReading reading, EncryptedIds ids)
        : IRequestHandler<Query, Asked>
    {
        public async Task<Asked> Handle(Query query, CancellationToken cancellationToken)
        {
            var tenant = reading.Narrow(query.Merchant);
            var filter = new EventFilter(
                tenant,
                query.Report is { } report ? AuditTarget.Report(ids, reading.Merchant, report) ?? Guid.Empty : null,
                query.Principal,
                query.Type?.Split(',').Distinct(StringComparer.Ordinal).ToArray() ?? [],
                query.Outcome,
                query.From is { } from ? Times.Instant(from) : null,
                query.To is { } to ? Times.Instant(to) : null,
                Parameters.Number(query.After) ?? 0,
                Parameters.Number(query.Through),
                query.Unsealed == "true");
            var limit = (int)Math.Min(MaximumLimit, Parameters.Number(query.Limit) ?? DefaultLimit);
            reading.Note(
                ("merchant", filter.Tenant), ("report", filter.Report), ("principal", filter.Principal),
                ("type", string.Join(',', filter.Types)), ("outcome", filter.Outcome),
                ("from", filter.From is { } start ? Times.Text(start) : null),
                ("to", filter.To is { } end ? Times.Text(end) : null), ("after", filter.After),
                ("through", filter.Through), ("unsealed", filter.IsUnsealedToo ? "true" : null),
                query.AreLines ? ("format", "ndjson") : ("limit", limit));
            var (walk, sealedThrough) = await EventWalk.BeginAsync(database.Source, filter, cancellationToken);
            return new Asked(query, filter, walk, sealedThrough, limit);
        }
    }

    internal static async Task<IResult> Endpoint(
        HttpContext http,
        ISender sender,
        AuditReading reading,
        AuditorDatabase database,
        PublicUrl url,
        CancellationToken cancellation)
    {
        var parameters = http.Request.Query;
        var asked = await sender.Send(
            new Query(
                Parameters.Once(parameters, "merchant"),
                Parameters.Once(parameters, "report"),
                Parameters.Once(parameters, "principal"),
                Parameters.Once(parameters, "type"),
                Parameters.Once(parameters, "outcome"),
                Parameters.Once(parameters, "from"),
                Parameters.Once(parameters, "to"),
                Parameters.Once(parameters, "after"),
                Parameters.Once(parameters, "through"),
                Parameters.Once(parameters, "limit"),
                Parameters.Once(parameters, "format"),
                http.Request.GetTypedHeaders().Accept
                    .Any(a => a.MediaType.Equals(Lines, StringComparison.OrdinalIgnoreCase)),
                Parameters.Once(parameters, "unsealed")),
            cancellation);
        return asked.Query.AreLines
            ? new EventStream(asked, reading, database)
            : await PageAsync(http, asked, database, url, cancellation);
    }

    private static async Task<IResult> PageAsync(
        HttpContext http, Asked asked, AuditorDatabase database, PublicUrl url, CancellationToken cancellation)
    {
        var body = new ArrayBufferWriter<byte>();
        await using var json = new Utf8JsonWriter(body, EventLines.Options);
        json.WriteStartObject();
        json.WriteStartArray("results");
        await asked.Walk.ReadAsync(
            database.Source,
            asked.Limit,
            row =>
            {
                EventLines.Write(json, row);
                return true;
            },
            cancellation);
        json.WriteEndArray();
        var next = asked.Walk.IsOver ? null : url.For(http.Request, PathOf(asked));
        json.WriteString("next", next);
        if (asked.SealedThrough is { } sequence)
        {
            json.WriteNumber("sealed_through", sequence);
        }
        else
        {
            json.WriteNull("sealed_through");
        }

        json.WriteEndObject();
        await json.FlushAsync(cancellation);
        if (next is not null)
        {
            http.Response.Headers.Link = Parameters.Links(next, previous: null);
        }

        return Results.Text(body.WrittenSpan, "application/json; charset=utf-8");
    }

    // The walk ends where it would have ended when it began: each of its pages is an event of its own.
    private static string PathOf(Asked asked) => QueryHelpers.AddQueryString(
        Path,
        new Dictionary<string, string?>
        {
            ["merchant"] = asked.Query.Merchant,
            ["report"] = asked.Query.Report,
            ["principal"] = asked.Query.Principal,
            ["type"] = asked.Query.Type,
            ["outcome"] = asked.Query.Outcome,
            ["from"] = asked.Query.From,
            ["to"] = asked.Query.To,
            ["after"] = asked.Walk.Position.ToString(CultureInfo.InvariantCulture),
            ["through"] = asked.Walk.End.ToString(CultureInfo.InvariantCulture),
            ["unsealed"] = asked.Query.Unsealed,
            ["limit"] = asked.Limit.ToString(CultureInfo.InvariantCulture),
        }.Where(p => p.Value is not null));
}
