"""The words the demo organisation is made of: names, places, employers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """First and last names that go together."""

    women: tuple[str, ...]
    men: tuple[str, ...]
    last: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class City:
    """A place in the United States; ZIPs are text because some begin with a zero."""

    name: str
    state: str
    county: str
    zips: tuple[str, ...]
    area_codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Abroad:
    """A place elsewhere: `phone` and `postal_code` are patterns, # stands for a digit."""

    city: str
    region: str
    country: str
    postal_code: str
    phone: str
    streets: tuple[str, ...]
    names: int  # index into NAMES


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES: tuple[Names, ...] = (
    Names(  # 0: what most people in the file are called
        _words(
            "Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Lisa Nancy "
            "Betty Sandra Margaret Ashley Kimberly Emily Donna Michelle Carol Amanda Melissa "
            "Deborah Stephanie Rebecca Laura Sharon Cynthia Kathleen Amy Angela Shirley Anna "
            "Brenda Pamela Emma Nicole Helen Samantha Katherine Christine Rachel Carolyn Janet "
            "Maria Heather Diane Ruth Julie Olivia Joyce Virginia Victoria Kelly Lauren Christina "
            "Joan Evelyn Judith Megan Andrea Hannah Jacqueline Martha Gloria Teresa Ann Sara "
            "Madison Frances Kathryn Janice Jean Abigail Alice Julia Judy Sophia Grace Denise "
            "Amber Doris Marilyn Danielle Beverly Isabella Theresa Diana Natalie Brittany Charlotte"
        ),
        _words(
            "James Robert John Michael David William Richard Joseph Thomas Charles Christopher "
            "Daniel Matthew Anthony Mark Donald Steven Paul Andrew Joshua Kenneth Kevin Brian "
            "George Timothy Ronald Edward Jason Jeffrey Ryan Jacob Gary Nicholas Eric Jonathan "
            "Stephen Larry Justin Scott Brandon Benjamin Samuel Gregory Frank Alexander Raymond "
            "Patrick Jack Dennis Jerry Tyler Aaron Jose Adam Nathan Henry Douglas Zachary Peter "
            "Kyle Walter Ethan Jeremy Harold Keith Christian Roger Noah Gerald Terry Sean Austin "
            "Carl Arthur Lawrence Dylan Jesse Jordan Bryan Billy Joe Bruce Gabriel Logan Albert "
            "Willie Alan Juan Wayne Elijah Randy Roy Vincent Ralph Eugene Russell Bobby Mason"
        ),
        _words(
            "Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Thomas Taylor Moore "
            "Jackson Martin Lee Thompson White Harris Clark Lewis Robinson Walker Young Allen King "
            "Wright Scott Hill Green Adams Nelson Baker Hall Campbell Mitchell Carter Roberts "
            "Phillips Evans Turner Parker Collins Edwards Stewart Morris Murphy Cook Rogers Morgan "
            "Cooper Peterson Bailey Reed Kelly Howard Ward Cox Richardson Watson Brooks Wood "
            "Gray Hughes Price Myers Long Foster Sanders Ross Powell Sullivan Russell Jenkins "
            "Butler Barnes Fisher Henderson Coleman Simmons Patterson Jordan Reynolds Hamilton "
            "Graham Wallace Cole West Owens Burns Gibson Marshall Harrison Stone Shaw Hunter Hicks "
            "Dixon Boyd Warren Burke Lawson Ferguson Nichols Grant Knight Dunn Perkins Hudson "
            "Spencer Gardner Payne Pierce Berry Matthews Wagner Willis Ray Watkins Olson Carroll "
            "Duncan Snyder Hart Cunningham Bradley Lane Andrews Harper Fox Riley Armstrong "
            "Weaver Greene Lawrence Elliott Sims Austin Peters Kelley Franklin Lynch O'Brien "
            "O'Connor O'Neill McDonald McCarthy MacLeod Fitzgerald Whitaker Holloway Pennington "
            "Ashworth Blackwood Underhill Thornton Winslow Abernathy Hathaway Lockwood Merriweather"
        ),
    ),
    Names(  # 1: Spanish
        _words(
            "María José Lucía Sofía Ximena Inés Belén Rocío Andrea Mónica Verónica Guadalupe Pilar"
        ),
        _words("José Jesús Andrés Martín Iván Óscar Raúl Héctor Tomás Joaquín Ángel Ramón Adrián"),
        _words(
            "García Rodríguez Hernández López González Pérez Sánchez Ramírez Gómez Díaz Álvarez "
            "Muñoz Núñez Jiménez Vásquez Peña Ibáñez Zúñiga Castañeda Órnelas"
        ),
    ),
    Names(  # 2: French
        _words("Amélie Chloé Élodie Zoé Hélène Geneviève Noémie Françoise Océane Aurélie"),
        _words("François Rémi Étienne Benoît Jérôme Sébastien Noël Gaël Théo Loïc"),
        _words("Lefèvre Beauséjour Côté Bélanger Gagné Désilets L'Écuyer Thériault Dubé Mercier"),
    ),
    Names(  # 3: German and Scandinavian
        _words("Käthe Anneliese Ingrid Åsa Maja Sigrid Gisela Hannelore Solveig Jördis"),
        _words("Jürgen Björn Søren Åke Lars Günter Jörg Mårten Torbjørn Heinz Sören"),
        _words("Müller Schäfer Krüger Großmann Weiß Köhler Søndergaard Ødegård Åkesson Sjöberg"),
    ),
    Names(  # 4: Polish, Czech, Hungarian, Croatian
        _words("Małgorzata Żaneta Agnieszka Božena Jiřina Zsófia Ágnes Željka Lenka Danuta"),
        _words("Łukasz Paweł Michał Jiří Tomáš Ondřej László György Zoltán Dražen Marek"),
        _words(
            "Wiśniewski Wójcik Kamiński Zieliński Dvořák Novák Černý Szabó Tóth Kovačević Petrović"
        ),
    ),
    Names(  # 5: Vietnamese, Chinese, Korean, Japanese, in Latin letters
        _words("Thảo Hương Mei Xiuying Yuki Sakura Ji-woo Seo-yeon Lan Ngọc Akiko Min-ji"),
        _words("Đức Hùng Wei Jun Haruto Kenji Min-jun Ji-ho Quân Tuấn Hiroshi Bo"),
        _words("Nguyễn Trần Phạm Đặng Chen Wang Zhang Kim Park Choi Sato Tanaka Yamamoto Ito"),
    ),
    Names(  # 6: South Asian, Arabic, African
        _words("Priya Ananya Fatima Aisha Ngozi Amina Leila Zainab Chiamaka Lakshmi Deepa Nadia"),
        _words("Arjun Rahul Mohammed Omar Chukwuemeka Kwame Yusuf Sanjay Karim Tunde Vikram Ali"),
        _words("Patel Singh Sharma Khan Hussein Okafor Mensah Adeyemi El-Sayed Rahman Iyer Diallo"),
    ),
    Names(  # 7: Portuguese, Italian
        _words("Conceição Inês Letícia Débora Beatriz Chiara Lúcia Graça Noemi"),
        _words("João Antônio Sérgio Niccolò Luís André Gonçalo Matteo Álvaro Fábio"),
        _words("Gonçalves Araújo Assunção Magalhães D'Angelo Nicolò Simões Conceição De'Rossi"),
    ),
    Names(  # 8: other scripts, as people write them
        ("Ελένη", "Мария", "さくら", "陳美玲", "Айгуль", "지우"),
        ("Γιώργος", "Дмитрий", "健二", "王偉", "Борис", "민준"),
        ("Παπαδόπουλος", "Иванова", "田中", "Шевченко", "佐藤", "김"),
    ),
)
NAME_WEIGHTS = (74, 9, 2, 3, 3, 4, 3, 1.6, 0.4)

LATIN_MAILBOXES = ("eleni", "maria.i", "sakura", "meiling", "aigul", "jiwoo", "kenji", "dmitri")
"""What people of the last kind use in front of the @."""

CITIES: tuple[City, ...] = (
    City("Boston", "MA", "Suffolk", ("02108", "02116", "02134", "02127"), ("617", "857")),
    City("Cambridge", "MA", "Middlesex", ("02138", "02139", "02140"), ("617",)),
    City("Worcester", "MA", "Worcester", ("01602", "01605", "01609"), ("508", "774")),
    City("Providence", "RI", "Providence", ("02903", "02906", "02908"), ("401",)),
    City("Hartford", "CT", "Hartford", ("06103", "06105", "06106"), ("860",)),
    City("Newark", "NJ", "Essex", ("07102", "07103", "07107"), ("973", "862")),
    City("Portland", "ME", "Cumberland", ("04101", "04102", "04103"), ("207",)),
    City("Burlington", "VT", "Chittenden", ("05401", "05408"), ("802",)),
    City("New York", "NY", "New York", ("10003", "10011", "10025", "10128"), ("212", "646")),
    City("Brooklyn", "NY", "Kings", ("11201", "11215", "11238"), ("718", "347")),
    City("Philadelphia", "PA", "Philadelphia", ("19103", "19147", "19130"), ("215", "267")),
    City("Pittsburgh", "PA", "Allegheny", ("15213", "15217", "15232"), ("412",)),
    City("Washington", "DC", "District of Columbia", ("20001", "20009", "20016"), ("202",)),
    City("Richmond", "VA", "Richmond", ("23220", "23221", "23230"), ("804",)),
    City("Chicago", "IL", "Cook", ("60614", "60622", "60640", "60657"), ("312", "773")),
    City("Minneapolis", "MN", "Hennepin", ("55403", "55406", "55408", "55417"), ("612",)),
    City("Saint Paul", "MN", "Ramsey", ("55104", "55105", "55116"), ("651",)),
    City("Duluth", "MN", "St. Louis", ("55804", "55805", "55812"), ("218",)),
    City("Madison", "WI", "Dane", ("53703", "53704", "53711"), ("608",)),
    City("Milwaukee", "WI", "Milwaukee", ("53202", "53207", "53211"), ("414",)),
    City("Ann Arbor", "MI", "Washtenaw", ("48103", "48104", "48105"), ("734",)),
    City("Cleveland", "OH", "Cuyahoga", ("44106", "44113", "44120"), ("216",)),
    City("St. Louis", "MO", "St. Louis City", ("63104", "63110", "63116"), ("314",)),
    City("Atlanta", "GA", "Fulton", ("30306", "30312", "30318"), ("404", "678")),
    City("Raleigh", "NC", "Wake", ("27601", "27607", "27609"), ("919",)),
    City("Nashville", "TN", "Davidson", ("37203", "37206", "37212"), ("615",)),
    City("New Orleans", "LA", "Orleans", ("70115", "70118", "70119"), ("504",)),
    City("Austin", "TX", "Travis", ("78702", "78704", "78745", "78757"), ("512", "737")),
    City("Houston", "TX", "Harris", ("77006", "77008", "77019"), ("713", "832")),
    City("San Antonio", "TX", "Bexar", ("78209", "78212", "78230"), ("210",)),
    City("Dallas", "TX", "Dallas", ("75204", "75206", "75214"), ("214", "972")),
    City("El Paso", "TX", "El Paso", ("79902", "79912"), ("915",)),
    City("Denver", "CO", "Denver", ("80203", "80205", "80210"), ("303", "720")),
    City("Santa Fe", "NM", "Santa Fe", ("87501", "87505"), ("505",)),
    City("Phoenix", "AZ", "Maricopa", ("85004", "85013", "85018"), ("602",)),
    City("Salt Lake City", "UT", "Salt Lake", ("84102", "84105", "84108"), ("801",)),
    City("Seattle", "WA", "King", ("98103", "98109", "98115", "98122"), ("206",)),
    City("Portland", "OR", "Multnomah", ("97202", "97211", "97214"), ("503", "971")),
    City("San Francisco", "CA", "San Francisco", ("94110", "94114", "94117"), ("415",)),
    City("Oakland", "CA", "Alameda", ("94602", "94609", "94611"), ("510",)),
    City("Los Angeles", "CA", "Los Angeles", ("90026", "90039", "90042"), ("213", "323")),
    City("San Juan", "PR", "San Juan", ("00901", "00907", "00917"), ("787", "939")),
)
NORTH_STATES = ("MN", "WI", "MI")
SOUTH_STATES = ("TX", "LA", "NM")

ABROAD: tuple[Abroad, ...] = (
    Abroad(
        "Toronto", "ON", "Canada", "M5V #K#", "+1 416 555 ####", ("Queen St W", "Spadina Ave"), 0
    ),
    Abroad("Montréal", "QC", "Canada", "H2X #L#", "+1 514 555 ####", ("rue Saint-Denis",), 2),
    Abroad("London", "", "United Kingdom", "N1 #AB", "+44 20 7946 0###", ("Upper Street",), 0),
    Abroad("Edinburgh", "", "United Kingdom", "EH3 #QN", "+44 131 496 0###", ("Raeburn Place",), 0),
    Abroad("Dublin", "", "Ireland", "D08 F#H#", "+353 20 915 0###", ("Camden Street",), 0),
    Abroad("München", "Bayern", "Germany", "80###", "+49 89 550 0###", ("Lindwurmstraße",), 3),
    Abroad("Köln", "Nordrhein-Westfalen", "Germany", "50###", "+49 221 550 0###", ("Südring",), 3),
    Abroad("Lyon", "", "France", "6900#", "+33 4 65 71 0# ##", ("rue de la République",), 2),
    Abroad(
        "Ciudad de México", "CDMX", "Mexico", "06###", "+52 55 5550 ####", ("Calle Durango",), 1
    ),
    Abroad("São Paulo", "SP", "Brazil", "01###-0##", "+55 11 5550 ####", ("Rua Augusta",), 7),
    Abroad("Kraków", "", "Poland", "31-0##", "+48 12 555 ## ##", ("ulica Długa",), 4),
    Abroad("Göteborg", "", "Sweden", "413 ##", "+46 31 390 ## ##", ("Linnégatan",), 3),
    Abroad("東京", "", "Japan", "150-00##", "+81 3 5550 ####", ("渋谷1丁目",), 8),
)

STREET_NAMES = _words(
    "Maple Oak Cedar Elm Pine Walnut Chestnut Birch Willow Spruce Juniper Sycamore Magnolia Laurel "
    "Lincoln Jefferson Madison Franklin Jackson Monroe Highland Prospect Summit Ridge Valley River "
    "Lake Meadow Orchard Spring Mill Church School Park Center Main Water Bridge Canal Harbor "
    "Sunset Hillcrest Fairview Lakeview Riverside Woodland Greenwood Brookside Clover Heron Otter"
)
STREET_KINDS = ("St", "Ave", "Rd", "Ln", "Dr", "Blvd", "Ct", "Way", "Pl")
UNITS = ("Apt {}", "Unit {}", "# {}", "Apt {}B", "Floor {}")

MAIL_DOMAINS = (
    "example.com",
    "example.org",
    "example.net",
    "mail.example.com",
    "inbox.example.net",
    "post.example.org",
)
"""Reserved names: nothing sent to them reaches anybody."""

EMPLOYERS = (
    "Riverbend School District",
    "Lakeside Medical Center",
    "Northfield Public Library",
    "Harbor Light Software",
    "Cedar & Stone Architects",
    "City of Saint Paul",
    "Blue Heron Brewing Co.",
    "Prairie State University",
    "Wexler, Ortiz & Lund LLP",
    "Mill Street Bakery",
    "Green Valley Credit Union",
    "Summit Outdoor Supply",
    "Three Rivers Transit",
    "Orchard Hill Veterinary Clinic",
    "Juniper Analytics",
    "Fern & Fable Books",
    "Granite Bay Insurance",
    "Open Door Housing Alliance",
    "Bright Kite Media",
    "Copper Kettle Catering",
    "Oak Grove Montessori",
    "Tidewater Shipping",
    "Sundial Solar",
    "Self-employed",
    "Müller & Søn A/S",
)
OCCUPATIONS = (
    ("Teacher", "Grade 4 teacher"),
    ("Nurse", "Charge nurse"),
    ("Librarian", "Branch manager"),
    ("Software engineer", "Senior engineer"),
    ("Architect", "Partner"),
    ("Attorney", "Associate"),
    ("Accountant", "Controller"),
    ("Baker", "Owner"),
    ("Professor", "Associate professor"),
    ("Electrician", "Foreman"),
    ("Social worker", "Case manager"),
    ("Physician", "Pediatrician"),
    ("Retired", ""),
    ("Student", ""),
    ("Carpenter", ""),
    ("Journalist", "Editor"),
    ("Veterinarian", "Practice owner"),
    ("Bus driver", ""),
)
SOURCES = (
    ("Website", "Donation form"),
    ("Website", "Newsletter sign-up"),
    ("Website", "Action center"),
    ("Event", "Spring Gala"),
    ("Event", "River Cleanup"),
    ("Offline", "Donor system"),
    ("Offline", "Paper form"),
    ("Referral", "Friend"),
)
ALLERGIES = ("peanuts", "shellfish", "gluten", "bee stings", "dairy", "tree nuts, sesame", "latex")
TSHIRT_SIZES = ("XS", "S", "M", "L", "XL", "XXL")
