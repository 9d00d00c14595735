using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Reports.Fuzz;

/// <summary>Requests as lines of text: one with <c>": "</c> is a field, the last without it the method.</summary>
internal static class HeaderText
{
    private const string Colon = ": ";

    public static (string Method, HeaderDictionary Headers) Read(string text)
    {
        var method = HttpMethods.Get;
        var headers = new HeaderDictionary();
        foreach (var line in text.Split('\n'))
        {
            var colon = line.IndexOf(Colon, StringComparison.Ordinal);
            if (colon > 0)
            {
                // Append would leave out a field without a value.
                var name = line[..colon];
                headers[name] = StringValues.Concat(headers[name], line[(colon + Colon.Length)..]);
            }
            else
            {
                method = line;
            }
        }

        return (method, headers);
    }
}
