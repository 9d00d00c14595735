namespace Reports.Generator.Sample;

/// <summary>Three made-up businesses on three continents.</summary>
internal static class SampleProfiles
{
    public static SampleMerchant Perfumes { get; } = new(
        Guid.Empty,
        "عطور الديرة",
        "Asia/Kuwait",
        new SampleProfile(
            Share: 50,
            [
                new("KWD", 78, 30_700, 250), new("SAR", 10, 37_500, 100), new("BHD", 8, 37_700, 100),
                new("USD", 4, 10_000, 95),
            ],
            [new("KNET", 60, 90), new("Visa", 20, 240), new("Mastercard", 12, 240), new("Apple Pay", 8, 210)],
            [
                "أحمد العتيبي", "فاطمة الكندري", "محمد الشمري", "نورة المطيري", "عبدالله الرشيدي", "مريم العنزي",
                "خالد الدوسري", "سارة الهاجري", "يوسف البلوشي", "شيخة الصباح", "حسين القلاف", "دانة العجمي",
                "علي بوشهري", "لطيفة الفهد", "سلمان آل خليفة", "Priya Nair", "Omar Haddad", "Joseph D'Souza",
            ],
            WeekWeights: [95, 90, 95, 105, 145, 120, 110],
            MonthWeights: [90, 100, 150, 120, 95, 80, 70, 75, 90, 95, 110, 115],
            HourWeights: [22, 9, 3, 2, 1, 2, 4, 8, 16, 30, 42, 45, 40, 28, 20, 22, 34, 52, 70, 82, 88, 78, 60, 40],
            MonthlyFee: 4_900));

    public static SampleMerchant Books { get; } = new(
        Guid.Empty,
        "Boekhandel Van Dijk & Søn",
        "Europe/Amsterdam",
        new SampleProfile(
            Share: 30,
            [new("EUR", 86, 9_200, 5), new("GBP", 7, 7_900, 1), new("USD", 7, 10_000, 1)],
            [new("iDEAL", 45, 60), new("Visa", 22, 150), new("Mastercard", 18, 150), new("SEPA Direct Debit", 15, 40)],
            [
                "Sanne de Vries", "Jürgen Müller", "François Lefèvre", "Zoë Janssens", "Łukasz Wiśniewski", "Åsa Öberg",
                "Niamh O'Connor", "José García Núñez", "Anaïs Dupont", "Þórunn Jónsdóttir", "Chiara D'Angelo",
                "Miloš Dvořák", "Pieter van den Berg", "Eleni Παπαδοπούλου", "Smith, Bob", "Marta \"Mia\" Kovač",
            ],
            WeekWeights: [60, 100, 95, 95, 105, 120, 130],
            MonthWeights: [80, 80, 90, 90, 90, 85, 75, 85, 110, 105, 140, 190],
            HourWeights: [4, 2, 1, 1, 1, 2, 6, 14, 30, 46, 56, 60, 62, 56, 54, 55, 58, 56, 48, 52, 60, 48, 26, 10],
            MonthlyFee: 2_900));

    public static SampleMerchant Ceramics { get; } = new(
        Guid.Empty,
        "青空陶器店",
        "Asia/Tokyo",
        new SampleProfile(
            Share: 20,
            [new("JPY", 90, 15_000, 10), new("USD", 10, 10_000, 1)],
            [new("JCB", 35, 325), new("Visa", 30, 325), new("PayPay", 20, 160), new("コンビニ払い", 15, 200)],
            [
                "佐藤 花子", "鈴木 一郎", "高橋 美咲", "田中 健太", "渡辺 さくら", "伊藤 大輔", "山本 陽菜", "中村 翔",
                "小林 由美子", "加藤 蓮", "Emily Carter", "Michael Chen", "Ana-Lucía Ramos", "김민준",
            ],
            WeekWeights: [135, 85, 85, 85, 90, 105, 140],
            MonthWeights: [110, 75, 100, 115, 110, 70, 95, 100, 80, 100, 95, 150],
            HourWeights: [8, 4, 2, 1, 1, 2, 5, 10, 22, 40, 55, 60, 64, 56, 50, 50, 54, 58, 60, 62, 66, 58, 36, 18],
            MonthlyFee: 3_400));
}
