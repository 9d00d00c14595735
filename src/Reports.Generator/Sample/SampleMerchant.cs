namespace Reports.Generator;

/// <summary>A merchant for whom sample transactions are made up.</summary>
/// <param name="Id">The merchant's id.</param>
/// <param name="Name">The name of the business.</param>
/// <param name="TimeZone">The IANA name of the zone in which it opens and closes.</param>
/// <param name="Profile">What its business is like.</param>
public sealed record SampleMerchant(Guid Id, string Name, string TimeZone, SampleProfile Profile);

/// <summary>What a sample merchant's business is like.</summary>
/// <param name="Share">Its share of all transactions, in relation to the other merchants'.</param>
/// <param name="Currencies">What it is paid in.</param>
/// <param name="Methods">How it is paid.</param>
/// <param name="Customers">Who pays.</param>
/// <param name="WeekWeights">How busy each day of the week is, Sunday first.</param>
/// <param name="MonthWeights">How busy each month of the year is, January first.</param>
/// <param name="HourWeights">How busy each hour of the day is, midnight first.</param>
/// <param name="MonthlyFee">What it pays for its account each month, in hundredths of a US dollar.</param>
public sealed record SampleProfile(
    int Share,
    IReadOnlyList<SampleCurrency> Currencies,
    IReadOnlyList<SampleMethod> Methods,
    IReadOnlyList<string> Customers,
    IReadOnlyList<int> WeekWeights,
    IReadOnlyList<int> MonthWeights,
    IReadOnlyList<int> HourWeights,
    int MonthlyFee);

/// <summary>A currency that a sample merchant is paid in.</summary>
/// <param name="Code">The ISO 4217 code.</param>
/// <param name="Weight">How often, in relation to the others.</param>
/// <param name="PerHundredDollars">What 100 US dollars are in its smallest unit, roughly.</param>
/// <param name="PriceStep">What prices are multiples of, in its smallest unit.</param>
public sealed record SampleCurrency(string Code, int Weight, long PerHundredDollars, int PriceStep);

/// <summary>A way in which a sample merchant is paid.</summary>
/// <param name="Name">The name of the payment method.</param>
/// <param name="Weight">How often, in relation to the others.</param>
/// <param name="FeeBasisPoints">What a payment costs the merchant, in hundredths of a percent.</param>
public sealed record SampleMethod(string Name, int Weight, int FeeBasisPoints);
