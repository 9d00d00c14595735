using System.Collections.Frozen;

namespace Reports.Generator;

/// <summary>
/// ISO 4217: the currencies that money moves in, by the number of their decimals. Funds, metals and testing codes are
/// left out; ANG and BGN, withdrawn in 2025 and 2026, are kept because a history may still hold them.
/// </summary>
internal static class Currencies
{
    /// <summary>The most decimals that any currency has.</summary>
    public const int MostDecimals = 4;

    private static readonly FrozenDictionary<string, int> Exponents = new (int Exponent, string Codes)[]
    {
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (2, """
            AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY
            COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
            INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR
            MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD
            SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
            """),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    }
    .SelectMany(group => group.Codes
        .Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        .Select(code => KeyValuePair.Create(code, group.Exponent)))
    .ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Every code that is known.</summary>
    public static IReadOnlyCollection<string> Codes => Exponents.Keys;

    /// <summary>Whether the code is known, and its number of decimals.</summary>
    public static bool TryGetExponent(string code, out int exponent) => Exponents.TryGetValue(code, out exponent);

    /// <summary>The number of decimals of a currency that the import let in.</summary>
    public static int ExponentOf(string code) => Exponents[code];
}
