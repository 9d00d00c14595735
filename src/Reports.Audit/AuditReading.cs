using System.Globalization;
using Microsoft.AspNetCore.Http;
using Reports.BuildingBlocks;

namespace Reports.Audit;

/// <summary>
/// What a request asks of the audit, and by what right. An endpoint says here what it understood, for the record.
/// </summary>
internal sealed class AuditReading(CurrentCaller current, Func<HttpContext, Task<Caller?>> authenticate)
{
    /// <summary>The right of the caller; there is none until the caller was admitted.</summary>
    public AuditRight Right =>
        field ??= AuditRight.Of(current.Required) ?? throw new InvalidOperationException("The caller has no right.");

    /// <summary>Whose audit was asked for; none for all.</summary>
    public Guid? Merchant { get; private set; }

    /// <summary>The parameters as they were understood.</summary>
    public string Query { get; private set; } = "";

    /// <summary>Narrows what is asked for to a tenant's, or to what the caller may see when none is named.</summary>
    /// <param name="named">A merchant's id, or <c>platform</c>; none when none was named.</param>
    /// <returns>The tenant that is meant; none for all.</returns>
    /// <exception cref="ProblemException">The caller may see that of another merchant only.</exception>
    public string? Narrow(string? named)
    {
        var own = Right.Merchant?.ToString("D");
        var tenant = named?.ToLowerInvariant() ?? own;
        Merchant = Guid.TryParseExact(tenant, "D", out var merchant) ? merchant : null;
        return own is null || own == tenant
            ? tenant
            : throw new ProblemException(Problem.Forbidden with { Detail = "The audit of another merchant" });
    }

    /// <summary>Says whose audit it is that was asked for, and refuses what the caller may not see.</summary>
    /// <param name="tenant">The tenant that was found; none when nothing was.</param>
    /// <returns>The same tenant.</returns>
    /// <exception cref="ProblemException">
    /// There is nothing, or nothing of what the caller may see: the same 404.
    /// </exception>
    public string Found(string? tenant)
    {
        var own = Right.Merchant?.ToString("D");
        if (tenant is null || (own is not null && tenant != own))
        {
            throw new ProblemException(Problem.NotFound);
        }

        Merchant = Guid.TryParseExact(tenant, "D", out var merchant) ? merchant : null;
        return tenant;
    }

    /// <summary>Notes the parameters, without those that were not given. None of them may be secret.</summary>
    /// <param name="parameters">Names and values.</param>
    public void Note(params IEnumerable<(string Name, object? Value)> parameters) => Query = string.Join(
        '&',
        parameters.Select(p => (p.Name, Text: Convert.ToString(p.Value, CultureInfo.InvariantCulture)))
            .Where(p => p.Text is { Length: > 0 })
            .Select(p => $"{p.Name}={p.Text}"));

    /// <summary>Whether the caller would still be let in as they were; for answers that take long.</summary>
    /// <param name="http">The request.</param>
    /// <returns>False when the credential or the right is gone.</returns>
    public async Task<bool> HoldsAsync(HttpContext http) =>
        await authenticate(http) is { } caller && AuditRight.Of(caller) == Right;
}
