"""How likely a word is to be spelled so: which of several readings of the same bytes is a name.

`Muñoz` and `Muńoz` are the same bytes in two encodings. Which one was meant is told by the company
that a letter keeps: names and words of the languages written with each set of letters show it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from functools import cache

_WESTERN = """
García Martínez Rodríguez González Hernández López Pérez Sánchez Ramírez Gómez Díaz Vásquez
Vázquez Muñoz Núñez Peña Ibáñez Ordóñez Castañeda Zúñiga Acuña Quiñones Piñeiro Treviño Patiño
Saldaña Maldonado José María Jesús Ángel Ángela Álvaro Óscar Íñigo Iñaki Andrés Andrea Sofía Lucía
Raúl Saúl Joaquín Martín Adrián Sebastián Julián Iván Germán Fabián Ramón Simón Verónica Mónica
Bárbara Inés Belén Concepción Asunción Rocío Begoña Nuria César Víctor Héctor Tomás Nicolás Matías
Elías Agustín Benjamín Fermín Noé Chávez Estévez Méndez Fernández Domínguez Jiménez Gutiérrez
Álvarez Suárez Juárez Cortés Solís Marqués Velázquez Velásquez Bolívar Cárdenas Córdoba Cordóva
Galván Beltrán Durán Millán Román Rincón León Colón Calderón Marín Farías Macías Ríos Alarcón
Garzón Ávila Ávalos Águila Báez Páez Sáenz Sáez Meléndez Güell Argüello Agüero Guzmán Barragán
Santamaría Echeverría Mejía Mojica Dávila Zamora Nájera Bogotá México Perú Panamá Querétaro Mérida
Cancún Yucatán Michoacán Potosí Canadá España Málaga Cádiz Año Niño Niña Señor Señora Compañía
Fundación Asociación Educación Dirección Teléfono Código Número Cañada Español Montaña Cañón Piñon
Peñasco Española Mayagüez Bayamón Añasco Río Loíza Cataño Hélène Céline René Renée André Andrée
Noël Noëlle Joël Zoë Zoé Chloé Eugène Geneviève François Françoise Frédéric Gérard Jérôme Jérémy
Élodie Émile Émilie Éric Étienne Élise Éloïse Gaël Gaëlle Michaël Raphaël Benoît Benoit Aurélie
Amélie Mélanie Mélissa Stéphane Stéphanie Sébastien Valérie Véronique Béatrice Thérèse Irène
Désirée Inès Agnès Anaïs Maïté Loïc Loïse Hervé Cécile Clémence Clément Léa Léon Léo Théo Théodore
Mathéo Grégoire Grégory Cédric Rémi Rémy Régis Rénald Dédé Côté Bélanger Lévesque Bérubé Gagné
Beauséjour Lefèbvre Lefèvre Bégin Béland Pépin Thériault Hébert Hétu Tétreault Trépanier Bédard
Légaré Préfontaine Québec Montréal Trois-Rivières Saint-Étienne Orléans Besançon Alençon
Châteauroux Château Île Îlot Île-de-France Forêt Hôtel Hôpital Bibliothèque Société Théâtre Opéra
Musée École Collège Fête Cœur Sœur Sacré-Cœur Œuvre Œuvres Bœuf Lecœur Français Française Garçon
Façade Ça Curaçao Curaçon Père Mère Frère Crème Crêpe Café Résumé Fiancé Première Deuxième Où Goût
Août Brûlé Dupré Desprès Duprès João Conceição Assunção Encarnação Gonçalves Gonçalo Mendonça
Lourenço Magalhães Guimarães Simões Simão Sebastião Estêvão Cristóvão Damião Leitão Brandão Falcão
Romão Serrão Galvão Mourão Abraão Adão São Paulo Ceará Paraná Goiás Maranhão Espírito Brasília
Araújo Antônio Antónia António Vinícius Flávio Fábio Cláudio Cláudia Júlio Júlia Lúcio Luís Luísa
Tânia Vânia Ângela Ângelo Mário Márcia Márcio Patrícia Letícia Olívia Sílvia Sílvio Otávio Sérgio
Rogério Valério Rubém Inácio Estácio Aurélio Évora Setúbal Müller Schröder Schäfer Jäger Köhler
König Krüger Böhm Böttcher Bäcker Bäumer Möller Vögel Vogel Lüders Günther Günter Jürgen Jörg Jörn
Björn Götz Gött Höfer Hübner Hänsel Händel Großmann Groß Weiß Voß Strauß Preuß Keßler Theiß Straße
Schloßstraße Hauptstraße Fuß Süß Süßkind Grüße Österreich Ökumene Öffner Ärzte Ägypten Übersee
Überall Übelacker Köln München Nürnberg Düsseldorf Zürich Lübeck Göttingen Tübingen Würzburg
Münster Osnabrück Saarbrücken Löwe Löwen Löffler Schön Schönberg Grün Grünwald Grünbaum Blümel
Kübler Rösler Rößler Wäscher Wärner Träger Färber Gärtner Brückner Brüggemann Schütz Schütte
Schüler Über Für Büro Größe Käthe Bärbel Sönke Sören Dörte Mäurer Bächle Nägele Lämmle Hägele
Häberle Åse Åsa Åke Åberg Ågren Ångström Åhlén Måns Håkan Pålsson Håkansson Mårten Bård Kåre
Kårsson Skåne Ståhl Göran Gösta Jönsson Jörgen Söderberg Söderström Sjögren Sjöberg Öberg Östlund
Öhman Lindström Nyström Bergström Hedström Åström Malmö Göteborg Hägglund Hällström Häggström
Lövgren Löfgren Mörk Björk Ström Bjørn Jørgen Jørgensen Søren Sørensen Kjær Kjærgaard Skjærvø
Møller Mølgaard Nørgaard Østergaard Ødegård Øystein Øyvind Bjørnson Bjørklund Bjørnstad Størmer
Grønland Grøn Gråkjær Rønne Tønder Tromsø Bodø Ås Århus Ærø Næss Lærke Ragnhild Pål Låte Solskjær
Fjærland København Hafþór Þór Þóra Sigríður Guðrún Guðmundur Jökull Ólafur Ólafsdóttir Jónsdóttir
Jóhanna Jón Sigurðsson Gísli Kristín Ásta Ævar Ása Ýr Æsa Mäkinen Hämäläinen Mäkelä Heikkilä
Räsänen Väisänen Kärkkäinen Jääskeläinen Seppälä Niemelä Mattila Päivi Hyvärinen Härkönen Pöyhönen
Rönkkö Kähkönen Tähtinen Jyväskylä Hämeenlinna Äänekoski Äijälä Niccolò Nicolò Cantù Donà Mazzà
Corrò Forlì Cefalù Città Università Società Libertà Perché Così Papà Più Nicolé D'Angiò Salò Aosta
Viganò Carrà Pietà Caffè Pelè Beyoncé Moïse Naïve Citroën Zaïre Coëffé Daniël Joëlle Ruël Kaïn
Israël België Patiënt Coöperatie Coöp Chloë Raphaëlle Nuñez Sean Seán Siobhán Róisín Gráinne
Ciarán Éamon Éire Pádraig Caoimhín Brónagh Máire Gearóid Ó Dún Núria Mercè Jordà Martí Ferràndez
Gràcia Lluís Verdú Dolça Montserrat Bàrbara Àlex Àngels Renée's Resumé Façadé Jalapeño Piñata Doña
Peñón Señal Ñuñoa Ñandú El Cumpleaños Daños Baños Años
"""
_CENTRAL = """
Kowalski Wałęsa Łukasz Łódź Wałbrzych Stanisław Mirosław Jarosław Bolesław Wacław Czesław
Władysław Paweł Michał Małgorzata Mikołaj Łucja Elżbieta Grażyna Bożena Jóźwiak Józef Andrzejewski
Dąbrowski Zieliński Wiśniewski Wójcik Kamiński Kozłowski Jankowski Wojciechowski Kwiatkowska
Szymański Woźniak Kaczyński Piątek Pająk Zając Król Wróbel Stępień Górski Rutkowska Sikorski
Pawłowski Michałowski Głowacki Błażej Jabłoński Majewski Olszewski Jaworski Malinowski Stępniak
Wróblewski Adamczyk Dudziński Nowiński Gołębiowski Kołodziej Bąk Gąsior Gęsicki Kępa Wąsik
Święcicki Świątek Świderski Śliwiński Śmigły Źródło Żak Żuk Żurawski Żelazny Brzęczyszczykiewicz
Częstochowa Gdańsk Gdynia Poznań Wrocław Kraków Kielce Toruń Białystok Rzeszów Płock Łomża Zamość
Świdnica Żywiec Ćwik Ćwiertnia Ćma Maćkowiak Kościuszko Bieńkowski Mąż Księga Książka Więc Dzień
Język Ogłoszenie Pięć Ręka Tadeusz Żółty Źle Są Będę Będzie Małe Novák Nováková Dvořák Dvořáková
Černý Černá Procházka Kučera Kučerová Veselý Veselá Horák Horáková Němec Němcová Marek Pospíšil
Hájek Hájková Jelínek Král Králová Růžička Růžičková Beneš Fiala Sedláček Doležal Zeman Kolář
Kolářová Krejčí Navrátil Čermák Čermáková Vaněk Urban Blažek Kříž Kovář Kovářová Kopecký Konečný
Malý Malá Šimek Šťastný Šebek Štěpán Štěpánek Štěpánka Kadeřábek Žák Žižka Žďár Řehák Řehoř Říha
Řezníček Jiří Ondřej Tomáš Lukáš Aleš Matěj Vojtěch Zdeněk Luděk Radek Děčín Plzeň Brno Ústí České
Budějovice Kroměříž Třebíč Přerov Příbram Jičín Zlín Šumperk Mělník Náměstí Školní Ulice Účet
Božena Ladislav Růžena Bedřich Božidar Miloš Ctibor Přemysl Bořivoj Jaroš Dušek Hašek Hrubý
Novotný Kováč Kováčová Horváth Horváthová Tóth Tóthová Nagyová Baláž Szabó Molnárová Lukáč Ľubica
Ľuboš Ľudmila Ľudovít Štúr Štefan Štefánik Ďuriš Ďurica Žilina Košice Prešov Nitra Žofia Vĺtava
Kĺb Tŕň Vŕba Stĺp Mäso Ján Juraj Matúš Peter Pavlovič Šťavnica Trenčín Piešťany Ružomberok Malíček
Dubček Svätopluk Nagy Kovács Varga Kiss Németh Farkas Balogh Papp Takács Juhász Lakatos Mészáros
Oláh Simon Rácz Fekete Szilágyi Török Fehér Balázs Gál Kis Szűcs Kocsis Orsós Pintér Fodor Szalai
Sipos Magyar Lukács Gulyás Biró Király László Katona Jakab Bogdán Boros Sándor Bálint Váradi Fülöp
Fazekas István József János Zoltán Ferenc Attila Péter Tamás Zsolt Tibor András Csaba Imre Lajos
György Gyula Dezső Ernő Jenő Győző Győr Bődi Csömör Erdős Erdő Szegő Szőke Őri Őrsi Űrhajó Szűts
Bűdi Mezőkövesd Fűzfő Pécs Debrecen Kecskemét Székesfehérvár Nyíregyháza Szolnok Érd Tatabánya
Kaposvár Békéscsaba Hódmezővásárhely Kovačević Kovačič Petrović Jovanović Nikolić Marković
Đorđević Đurić Đukić Stojanović Ilić Pavlović Živković Šarić Šimić Šimunović Babić Jurić Novaković
Perić Tomić Vuković Knežević Božić Matić Blažević Grgić Pavić Radić Filipović Božović Ćosić Ćurić
Ćirić Čolić Čović Čavić Žanić Žagar Županić Zupančič Krajnc Kovač Hočevar Potočnik Kos Vidmar
Golob Turk Kralj Božič Koželj Štrukelj Žnidaršič Jerič Mlakar Kobal Švab Šuštar Dončić Dragić
Đoković Modrić Rakitić Mandžukić Perišić Lovrić Šibenik Zadar Požega Čakovec Varaždin Krško
Ljubljana Maribor Škofja Loka Kočevje Črnomelj Žalec Jesenice Nikšić Niš Čačak Kruševac Užice
Šabac Ștefan Ceaușescu Ionuț Mureşan Mureș Braşov Brașov Timişoara Constanţa Bucureşti Iaşi Galaţi
Piteşti Ştefănescu Ţepeş Ţiriac Pătraşcu Dănilă Lăzărescu Mădălina Cătălin Cătălina Răzvan
Gheorghiță Creangă Ionescu Brâncuşi Brâncoveanu Văcărescu Sălăjan Năstase Păun Pârvu Pîrvu
Sînziana Înălţarea Dumbrăveanu Müller Schröder Schäfer König Köhler Weiß Böhm Günther Jörg Jürgen
Straße Grün Höß Österreich Übel München Çelik Café André René Noël José François Gérard Léon
Hélène
"""

_LETTERS = re.compile(r"[^\W\d_]+")
_QUIET = 0.25


@cache
def _model(group: str) -> tuple[dict[str, float], dict[str, float]]:
    """How often each letter comes, and each pair of which one is beyond ASCII, as logarithms."""
    alone: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    words = _LETTERS.findall((_WESTERN if group == "western" else _CENTRAL).lower())
    for word in words:
        bounded = f" {word} "
        for at, letter in enumerate(word, 1):
            if letter > "\x7f":
                alone[letter] += 1
                pairs[bounded[at - 1 : at + 1]] += 1
                pairs[bounded[at : at + 2]] += 1
    total = sum(alone.values())
    single = {letter: math.log((count + _QUIET) / total) for letter, count in alone.items()}
    double = {
        pair: math.log(
            (count + _QUIET) / (alone[pair[0] if pair[0] in alone else pair[1]] + 27 * _QUIET) * 27
        )
        for pair, count in pairs.items()
    }
    return single, double


def letter_evidence(group: str, before: str, letter: str, after: str) -> float:
    """How well a letter beyond ASCII sits between its neighbours; 0 is neither good nor bad.

    A letter that both groups of languages have says nothing for either: it counts the same.
    """
    small = letter.lower()
    left = (before.lower() if before.isalpha() else " ") + small
    right = small + (after.lower() if after.isalpha() else " ")
    other = "central" if group == "western" else "western"
    groups = (group, other) if small in _model(group)[0] else (group,)
    fit = max(_fit(_model(one), small, left, right) for one in groups)
    return fit + _case_evidence(before, letter, after)


def _fit(
    model: tuple[dict[str, float], dict[str, float]], small: str, left: str, right: str
) -> float:
    single, double = model
    score = single.get(small)
    if score is None:
        return -9.0
    return 5.0 + score + min(double.get(left, -2.0), 1.5) + min(double.get(right, -2.0), 1.5)


def _case_evidence(before: str, letter: str, after: str) -> float:
    """`GarcÌa` and `GARCíA` are hardly ever written."""
    if letter.isupper():
        return -5.0 if before.islower() else -2.0 if before.isupper() and after.islower() else 0.0
    if before.isupper() and after.isupper():
        return -5.0
    return -5.0 if not before.isalpha() and after.isupper() else 0.0


_ELIDED = re.compile(
    r"(?:^|[^\w])(?:o|d|l|qu|s|n|j|c|m|t|mc|all|dell|nell|sull|un|da|de|y|rock)\Z", re.IGNORECASE
)
_CLIPPED = re.compile(r"(?:s|t|re|ll|ve|d|m|em|n|s')(?:\W|\Z)", re.IGNORECASE)
# Signs that stand between words: how welcome each is there.
_LOOSE = dict.fromkeys("•·●■▪–—…", 1.0) | dict.fromkeys("\xa0\ufeff®™©", 0.5)
_AMOUNTS = "€£¥¢"
_ACCENTS_ALONE = "´`¨^¸˜ˆ¯"
_ORDINALS = "ªº°"
_FRACTIONS = "½¼¾²³¹"
_OPENING = "“‘„‚«‹¿¡"
_CLOSING = "”’»›“‘"


def sign_evidence(before_text: str, sign: str, after_text: str) -> float:
    """How well a sign that is no letter sits where it stands."""
    before, after = before_text[-1:] or " ", after_text[:1] or " "
    inside = before.isalpha() and after.isalpha()
    if _is_control(sign):
        return -10.0
    if sign == "’":
        return _apostrophe_evidence(before_text, after_text)
    if sign in _LOOSE:
        return -4.0 if inside else _LOOSE[sign]
    if sign in _AMOUNTS:
        return 2.0 if before.isdecimal() or after.isdecimal() else -5.0 if inside else 0.0
    if sign in _ORDINALS + _FRACTIONS + "§№":
        return (
            1.0 if before.isdecimal() or after.isdecimal() or before in "nN" else _in_word(before)
        )
    if sign in _OPENING or sign in _CLOSING:
        opens = sign in _OPENING and not before.isalnum() and after.isalnum()
        closes = sign in _CLOSING and not after.isalnum() and not before.isspace()
        return 1.0 if opens or closes else -4.0
    if sign in _ACCENTS_ALONE:
        return -2.0 if inside or sign in "´`" else -5.0
    return -6.0 if sign == "¤" or before.isalpha() or after.isalpha() else -3.0


def _is_control(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Cn", "Co", "Cs")


def _in_word(before: str) -> float:
    return -4.0 if before.isalpha() else -1.0


def _apostrophe_evidence(before_text: str, after_text: str) -> float:
    if not after_text[:1].isalpha():
        return 0.5
    if not before_text[-1:].isalpha():
        return 0.0
    if _ELIDED.search(before_text) or _CLIPPED.match(after_text):
        return 1.5
    return -3.0
