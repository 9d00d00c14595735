using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Reports.BuildingBlocks;

namespace Reports.Access;

/// <summary>
/// Tells who is calling, from an API key or Basic credentials. Whatever is wrong with them, the answer is the same,
/// unless too much was wrong lately.
/// </summary>
internal sealed class CredentialAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder,
    CredentialVerification verification,
    CurrentCaller current) : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    private static readonly string[] Challenges =
        ["""Basic realm="reports", charset="UTF-8" """.TrimEnd(), """Api-Key realm="reports" """.TrimEnd()];

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var address = Context.Connection.RemoteIpAddress;
        var verdict = await verification.VerifyAsync(PresentedCredential.From(Request.Headers), address);
        current.Caller = verdict.Caller;
        current.Refusal = verdict.Refusal;
        if (verdict.Caller is null)
        {
            AccessRefusalNotes.Claim(Context, verdict.Claimed);
            foreach (var limit in new[] { verification.Left(address), verdict.Exhausted }.OfType<RateLimit>())
            {
                RateLimits.Note(Context, limit);
            }

            return AuthenticateResult.Fail("No valid credential.");
        }

        var identity = new ClaimsIdentity(
            [new Claim(ClaimTypes.NameIdentifier, verdict.Caller.Actor.Id)], PermissionRequirement.Scheme);
        return AuthenticateResult.Success(
            new AuthenticationTicket(new ClaimsPrincipal(identity), PermissionRequirement.Scheme));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var refusal = current.Refusal ?? Problem.Unauthorized;
        if (refusal.Status == StatusCodes.Status401Unauthorized)
        {
            Response.Headers.WWWAuthenticate = Challenges;
        }

        return refusal.WriteAsync(Context);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        (Problem.Forbidden with { Detail = "No permission assigned" }).WriteAsync(Context);
}

/// <summary>
/// Hashes API keys under a versioned pepper, which is derived from the master key and stands in no database.
/// </summary>
internal sealed class ApiKeyHasher
{
    private const string Scheme = "hmac-sha256";
    private static readonly ApiKey Nobody = ApiKey.Create(live: false);

    private readonly int _current;
    private readonly Dictionary<int, byte[]> _peppers;

    public ApiKeyHasher(KeyRing keys)
    {
        _current = keys.Current;
        _peppers = keys.Versions.ToDictionary(v => v, v => keys.Derive(v, "api-key-pepper"));
    }

    public string Hash(ApiKey key) =>
        $"{Scheme}${_current}${Convert.ToBase64String(key.Hash(_peppers[_current]))}";

    public bool Verify(ApiKey? key, string? stored)
    {
        var parts = stored?.Split('$');
        var isKnown = parts is [Scheme, _, _] && int.TryParse(parts[1], out _) && _peppers.ContainsKey(Version(parts));
        var actual = (key ?? Nobody).Hash(_peppers[isKnown ? Version(parts!) : _current]);
        var expected = isKnown ? Convert.FromBase64String(parts![2]) : new byte[actual.Length];
        return CryptographicOperations.FixedTimeEquals(actual, expected) && key is not null && isKnown;
    }

    private static int Version(string[] parts) => int.Parse(parts[1], CultureInfo.InvariantCulture);
}
